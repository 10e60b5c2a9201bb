// Streams, invocations and group state by @azure/web-pubsub-client, against a running server.
// The client has no calls for group state yet; its protocol classes read and write the frames.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Proxy } from "./proxy.mjs";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const WebSocket = require("ws");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require("@azure/web-pubsub-client");

const connectionString = process.argv[2];
const service = new WebPubSubServiceClient(connectionString, "StreamHub", { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);
const roles = ["joinLeaveGroup", "sendToGroup", "setGroupState", "getGroupState"].map((role) => `webpubsub.${role}`);

async function open(protocol, userId, { through, ...token } = {}) {
  const getClientAccessUrl = async () => {
    const { url } = await service.getClientAccessToken({ userId, roles, ...token });
    return through ? url.replace(/127\.0\.0\.1:\d+/, through.host) : url;
  };
  const client = new WebPubSubClient({ getClientAccessUrl }, { protocol, messageRetryOptions: { maxRetries: 0 } });
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  client.connectionId = (await connected).connectionId;
  return client;
}

// The next stream a client sees, whole: its pieces, then how it ended.
function next(client, options) {
  return new Promise((resolve) => {
    const subscription = client.onGroupStream(async (stream) => {
      const pieces = [];
      try {
        for await (const message of stream) pieces.push(message.data);
        resolve({ pieces, error: undefined });
      } catch (error) {
        resolve({ pieces, error });
      } finally {
        await subscription.close();
      }
    }, options);
  });
}

for (const [name, protocol] of [["json", WebPubSubJsonProtocol()], ["reliable", WebPubSubJsonReliableProtocol()]]) {
  const alice = await open(protocol, "alice");
  const bob = await open(protocol, "bob");
  await bob.joinGroup("room");

  let seen = next(bob, { handleFromStart: true });
  const stream = await alice.openGroupStream("room");
  const errors = [];
  stream.onError((error) => errors.push(error));
  for (let n = 0; n < 200; n++) await stream.write({ n }, "json");
  await stream.write("last", "text");
  await stream.end();
  const whole = await seen;
  assert.equal(whole.error, undefined);
  assert.deepEqual(whole.pieces, [...Array.from({ length: 200 }, (_, n) => ({ n })), "last"]);
  assert.deepEqual(errors, []);

  seen = next(bob);
  const broken = await alice.openGroupStream("room", { streamId: "mine" });
  await broken.write("half", "text");
  await broken.abort({ message: "gave up", userErrorCode: "E1" });
  const half = await seen;
  assert.deepEqual(half.pieces, ["half"]);
  assert.deepEqual({ ...half.error }, { name: "UserError", message: "gave up", userErrorCode: "E1" });

  seen = next(bob);
  const idle = await alice.openGroupStream("room", { idleTimeoutInMs: 200 });
  const timedOut = new Promise((resolve) => idle.onError(resolve));
  await idle.write("x", "text");
  assert.equal((await timedOut).name, "IdleTimeout");
  assert.equal((await seen).error.name, "IdleTimeout");

  const mute = await open(protocol, "mute", { roles: [] });
  await assert.rejects(mute.openGroupStream("room"), (error) => error.name === "Forbidden");
  await assert.rejects(
    mute.invokeEvent("sum", [1, 2], "json"),
    (error) => error.name === "InvocationError" && error.errorDetail.name === "NotFound",
  );
  for (const client of [alice, bob, mute]) client.stop();
  ok(`streams and invocations, ${name}`);
}

const proxy = await Proxy.start(new URL(/Endpoint=([^;]+)/.exec(connectionString)[1]));
const writer = await open(WebPubSubJsonReliableProtocol(), "writer", { through: proxy });
const reader = await open(WebPubSubJsonReliableProtocol(), "reader", { through: proxy });
await reader.joinGroup("room");
const all = next(reader, { handleFromStart: true });
const survivor = await writer.openGroupStream("room");
const failed = new Promise((_, reject) => survivor.onError((error) => reject(new Error(`${error.name} ${error.message}`))));
const writing = (async () => {
  for (let n = 0; n < 300; n++) {
    await survivor.write({ n }, "json");
    if (n % 100 === 50) proxy.cut();
  }
  await survivor.end();
})();
await Promise.race([writing, failed]);
const survived = await Promise.race([all, failed]);
assert.equal(survived.error, undefined);
assert.deepEqual(survived.pieces, Array.from({ length: 300 }, (_, n) => ({ n })));
writer.stop();
reader.stop();
ok("a stream survives lost connections, in order and once");

async function raw(protocol, userId) {
  const { url } = await service.getClientAccessToken({ userId, roles, groups: ["room"] });
  const socket = new WebSocket(url, protocol.name);
  const held = [], waiting = [];
  socket.on("message", (data) => {
    const message = protocol.parseMessages(data.toString());
    waiting.length ? waiting.shift()(message) : held.push(message);
  });
  await once(socket, "open");
  const take = () => (held.length ? Promise.resolve(held.shift()) : new Promise((resolve) => waiting.push(resolve)));
  const { connectionId } = await take();
  return { socket, take, connectionId, say: (message) => socket.send(protocol.writeMessage(message)) };
}

for (const protocol of [WebPubSubJsonProtocol(), WebPubSubJsonReliableProtocol()]) {
  const alice = await raw(protocol, "alice");
  const bob = await raw(protocol, "bob");
  alice.say({ kind: "setGroupState", group: "room", state: { mood: "fine" }, ackId: 1 });
  assert.deepEqual(await alice.take(), { kind: "ack", type: "ack", ackId: 1, success: true });
  bob.say({ kind: "subscribeGroupState", group: "room", ackId: 1 });
  assert.equal((await bob.take()).success, true);
  const snapshot = await bob.take();
  assert.equal(snapshot.kind, "groupStateSnapshot");
  const [{ updatedAt, ...entry }] = snapshot.items;
  assert.deepEqual(entry, { connectionId: alice.connectionId, userId: "alice", state: { mood: "fine" } });
  alice.say({ kind: "setGroupState", group: "room", state: { mood: "better" } });
  const update = await bob.take();
  assert.equal(update.kind, "groupStateUpdate");
  assert.deepEqual(update.items[0].state, { mood: "better" });
  assert.ok(update.items[0].updatedAt > updatedAt);
  alice.socket.close(1000);
  const gone = await bob.take();
  assert.equal(gone.items[0].connectionId, alice.connectionId);
  assert.equal(gone.items[0].state, undefined);
  bob.socket.close(1000);
}
ok("group state");
console.log("done");
process.exit(0);
