// mqtt.js against a hub, both versions: tokens of the service SDK, groups, REST, JSON clients. Arguments: connection string.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient } = require("@azure/web-pubsub-client");
const mqtt = require("mqtt");

const service = new WebPubSubServiceClient(process.argv[2], "MqttHub", { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);
const everything = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

async function open(clientId, protocolVersion, token = {}, options = {}) {
  const { url } = await service.getClientAccessToken({ clientProtocol: "mqtt", roles: everything, ...token });
  const client = mqtt.connect(url, { clientId, protocolVersion, reconnectPeriod: 0, ...options });
  const held = [], waiting = [];
  client.on("message", (topic, payload, packet) => {
    const message = { topic, text: payload.toString(), qos: packet.qos, properties: packet.properties ?? {} };
    waiting.length ? waiting.shift()(message) : held.push(message);
  });
  client.take = () => (held.length ? Promise.resolve(held.shift()) : new Promise((resolve) => waiting.push(resolve)));
  [client.connack] = await once(client, "connect");
  return client;
}

for (const version of [4, 5]) {
  const device = await open(`device${version}`, version, { userId: "mike", groups: ["from/token"] });
  const { url } = await service.getClientAccessToken({ userId: "alice", roles: everything, groups: ["room/1"] });
  const browser = new WebPubSubClient(url);
  const messages = [], waiting = [];
  browser.on("group-message", ({ message }) => (waiting.length ? waiting.shift()(message) : messages.push(message)));
  const take = () => (messages.length ? Promise.resolve(messages.shift()) : new Promise((resolve) => waiting.push(resolve)));
  await browser.start();

  await device.subscribeAsync("room/+", { qos: 1 });
  await browser.sendToGroup("room/1", { a: 1 }, "json", { noEcho: true });
  const got = await device.take();
  assert.deepEqual([got.topic, got.text, got.qos], ["room/1", '{"a":1}', 1]);
  if (version === 5) assert.equal(got.properties.contentType, "application/json");
  await device.publishAsync("room/1", "hello", { qos: 1, properties: version === 5 ? { contentType: "text/plain" } : undefined });
  const message = await take();
  assert.deepEqual([message.group, message.fromUserId, message.dataType], ["room/1", "mike", version === 5 ? "text" : "binary"]);
  assert.equal((await device.take()).text, "hello");
  await service.group("from/token").sendToAll("token", { contentType: "text/plain" });
  assert.equal((await device.take()).topic, "from/token");
  await service.sendToUser("mike", "direct", { contentType: "text/plain" });
  const direct = await device.take();
  assert.deepEqual([direct.topic, direct.text, direct.qos], ["$webpubsub/server/messages", "direct", 1]);
  assert.equal(await service.connectionExists(`device${version}`), true);
  browser.stop();
  const closed = once(device, "close");
  await service.closeConnection(`device${version}`, { reason: "enough" });
  await closed;
  assert.equal(await service.connectionExists(`device${version}`), false);
  ok(`MQTT ${version === 4 ? "3.1.1" : "5"}`);
}

const kept = await open("kept", 5, {}, { clean: false, properties: { sessionExpiryInterval: 60 } });
await kept.subscribeAsync("kept/1", { qos: 1 });
kept.stream.destroy();
await once(kept, "close");
await service.group("kept/1").sendToAll("while away", { contentType: "text/plain" });
const again = await open("kept", 5, {}, { clean: false, properties: { sessionExpiryInterval: 60 } });
assert.equal(again.connack.sessionPresent, true);
assert.equal((await again.take()).text, "while away");
ok("a session that was away");

const mute = await open("mute", 5, { roles: [] });
await assert.rejects(mute.subscribeAsync("room/1", { qos: 1 }));
await assert.rejects(mute.publishAsync("room/1", "x", { qos: 1 }), (error) => error.code === 0x87);
ok("roles");
console.log("done");
process.exit(0);
