// @azure/web-pubsub-client against a running server: both protocols, acks, and recovery through a proxy that cuts connections.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Proxy } from "./proxy.mjs";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require(process.env.MYNA_CLIENT ?? "@azure/web-pubsub-client");

const connectionString = process.argv[2];
const service = new WebPubSubServiceClient(connectionString, "ClientHub", { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);
const everything = { roles: ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"] };

function collect(client) {
  const held = [], waiting = [];
  const push = (event) => (waiting.length ? waiting.shift()(event) : held.push(event));
  client.on("group-message", (event) => push(event.message));
  client.on("server-message", (event) => push(event.message));
  return () => (held.length ? Promise.resolve(held.shift()) : new Promise((resolve) => waiting.push(resolve)));
}

async function open(protocol, token, through) {
  const getClientAccessUrl = async () => {
    const { url } = await service.getClientAccessToken({ ...everything, ...token });
    return through ? url.replace(/127\.0\.0\.1:\d+/, through.host) : url;
  };
  const client = new WebPubSubClient({ getClientAccessUrl }, { protocol, messageRetryOptions: { maxRetries: 0 } });
  const take = collect(client);
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  const { connectionId, userId } = await connected;
  return { client, take, connectionId, userId };
}

for (const [name, protocol] of [["json", WebPubSubJsonProtocol()], ["reliable", WebPubSubJsonReliableProtocol()]]) {
  const alice = await open(protocol, { userId: "alice" });
  const bob = await open(protocol, { userId: "bob" });
  assert.equal(alice.userId, "alice");
  await alice.client.joinGroup("room");
  await bob.client.joinGroup("room");
  for (const [content, type] of [["hi", "text"], [{ a: [1, "é"] }, "json"], [new Uint8Array([0, 255]).buffer, "binary"]]) {
    await alice.client.sendToGroup("room", content, type, { noEcho: true });
    const message = await bob.take();
    assert.deepEqual([message.group, message.fromUserId, message.dataType], ["room", "alice", type]);
    if (type !== "binary") assert.deepEqual(message.data, content);
    else assert.deepEqual([...new Uint8Array(message.data)], [0, 255]);
  }
  await alice.client.sendToGroup("room", "echo", "text", { fireAndForget: true });
  assert.equal((await alice.take()).data, "echo");
  assert.equal((await bob.take()).data, "echo");
  assert.equal((await alice.client.joinGroup("room", { ackId: 77 })).isDuplicated, false);
  assert.equal((await alice.client.joinGroup("room", { ackId: 77 })).isDuplicated, true);
  await bob.client.leaveGroup("room");
  await service.sendToUser("bob", { from: "server" });
  assert.deepEqual((await bob.take()).data, { from: "server" });
  await assert.rejects(alice.client.sendEvent("nobody", "x", "text"), (error) => Boolean(error.errorDetail?.name));
  const mute = await open(protocol, { userId: "mute", roles: [] });
  await assert.rejects(mute.client.sendToGroup("room", "x", "text"), (error) => error.errorDetail.name === "Forbidden");
  await assert.rejects(mute.client.joinGroup("room"), (error) => error.errorDetail.name === "Forbidden");
  for (const one of [alice, bob, mute]) {
    const stopped = new Promise((resolve) => one.client.on("stopped", resolve));
    one.client.stop();
    await stopped;
  }
  ok(name);
}

const [, host] = /Endpoint=([^;]+)/.exec(connectionString);
const proxy = await Proxy.start(new URL(host));
const away = await open(WebPubSubJsonReliableProtocol(), { userId: "away" }, proxy);
await away.client.joinGroup("room");
await service.group("room").sendToAll("before", { contentType: "text/plain" });
assert.equal((await away.take()).data, "before");
proxy.open = false;
proxy.cut();
for (let n = 0; n < 50; n++) await service.group("room").sendToAll({ n });
assert.equal(await service.connectionExists(away.connectionId), true);
proxy.open = true;
for (let n = 0; n < 50; n++) assert.deepEqual((await away.take()).data, { n });
await away.client.sendToGroup("room", "after", "text");
assert.equal((await away.take()).data, "after");
ok("recovery keeps every message, in order and once");

for (let round = 0; round < 5; round++) {
  proxy.cut();
  await service.group("room").sendToAll({ round });
  assert.deepEqual((await away.take()).data, { round });
}
ok("recovery, again and again");

const left = new Promise((resolve) => away.client.on("disconnected", resolve));
await service.closeConnection(away.connectionId, { reason: "enough" });
assert.equal((await left).message.message, "enough");
assert.equal(await service.connectionExists(away.connectionId), false);
ok("closed by the back end");
console.log("done");
process.exit(0);
