// A client of the protobuf subprotocols that protobufjs makes of our .proto file, beside JSON, simple, MQTT and REST
// clients, against a running server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Proxy } from "./proxy.mjs";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const WebSocket = require("ws");
const mqtt = require("mqtt");
const protobuf = require("protobufjs");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");

protobuf.common("any", protobuf.common.get("google/protobuf/any.proto").nested);
const root = new protobuf.Root();
root.resolvePath = (_, target) => target;
root.addJSON(protobuf.common.get("google/protobuf/any.proto").nested);
protobuf.parse(readFileSync(process.env.MYNA_PROTO, "utf8"), root, { keepCase: true });
root.resolveAll();
const Up = root.lookupType("azure.webpubsub.UpstreamMessage");
const Down = root.lookupType("azure.webpubsub.DownstreamMessage");

const HUB = "DevOnly"; // where plain MQTT clients are, too
const connectionString = process.argv[2];
const service = new WebPubSubServiceClient(connectionString, HUB, { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);
const roles = ["joinLeaveGroup", "sendToGroup", "setGroupState", "getGroupState"].map((role) => `webpubsub.${role}`);

function listen(socket, read) {
  const held = [], waiting = [];
  socket.on("message", (...args) => {
    const message = read(...args);
    waiting.length ? waiting.shift()(message) : held.push(message);
  });
  return () => (held.length ? Promise.resolve(held.shift()) : new Promise((resolve) => waiting.push(resolve)));
}

async function connect(subprotocol, options = {}, query = "", host = undefined) {
  let { url } = await service.getClientAccessToken({ userId: "u", roles, ...options });
  if (host) url = url.replace(/127\.0\.0\.1:\d+/, host);
  const socket = new WebSocket(url + query, subprotocol ? [subprotocol] : []);
  const read = subprotocol?.startsWith("protobuf")
    ? (data) => Down.toObject(Down.decode(data), { longs: Number, oneofs: true })
    : subprotocol
      ? (data) => JSON.parse(data.toString())
      : (data, isBinary) => (isBinary ? data : data.toString());
  const take = listen(socket, read);
  await once(socket, "open");
  const say = (message) => socket.send(typeof message === "string" ? message : Up.encode(Up.fromObject(message)).finish());
  const greeting = subprotocol ? await take() : undefined;
  return { socket, take, say, greeting };
}

const value = Buffer.from([255, 0, 1]);
const any = { type_url: "example.com/Unknown", value };
const serialized = Buffer.from(root.lookupType("google.protobuf.Any").encode(any).finish());

for (const name of ["protobuf.webpubsub.azure.v1", "protobuf.reliable.webpubsub.azure.v1"]) {
  const alice = await connect(name, { groups: [`room ${name}`] });
  const room = `room ${name}`;
  const { connected_message: connected } = alice.greeting.system_message;
  assert.equal(connected.user_id, "u");
  assert.equal(Boolean(connected.reconnection_token), name.includes("reliable"));
  const json = await connect("json.webpubsub.azure.v1", { groups: [room] });
  const simple = await connect(undefined, { groups: [room] });
  const raw = await connect(undefined, {}, `&webpubsub_mode=sendToGroup&group=${encodeURIComponent(room)}`);
  const devices = [];
  for (const protocolVersion of [4, 5]) {
    const device = mqtt.connect(`mqtt://${process.env.MYNA_MQTT}`, { protocolVersion, clientId: `d${protocolVersion}` });
    await once(device, "connect");
    const take = listen(device, (topic, payload, packet) => [payload, packet.properties?.contentType]);
    await device.subscribeAsync(room, { qos: 1 });
    devices.push({ device, take, protocolVersion });
  }

  const send = (data, more = {}) => alice.say({ send_to_group_message: { group: room, data, ...more } });
  const binary = Buffer.from([0, 255]);
  const kinds = [
    [{ text_data: "hé" }, ["text", "hé"], "hé", "text/plain", { text_data: "hé" }],
    [{ json_data: '{ "a": 1.50 }' }, ["json", { a: 1.5 }], '{ "a": 1.50 }', "application/json", { text_data: '{ "a": 1.50 }' }],
    [{ binary_data: binary }, ["binary", "AP8="], binary, "application/octet-stream", { binary_data: binary }],
    [{ protobuf_data: any }, ["protobuf", serialized.toString("base64")], serialized, "application/x-protobuf", { protobuf_data: any }],
  ];
  let sequence = 0;
  const fromGroup = async (data) => {
    const { data_message: got } = await alice.take();
    assert.deepEqual([got.from, got.group], ["group", room]);
    if (name.includes("reliable")) assert.equal(got.sequence_id, ++sequence);
    else assert.equal(got.sequence_id, undefined);
    const { data: kind, ...held } = got.data;
    assert.deepEqual(held, data);
  };
  const others = () => Promise.all([json, simple, ...devices].map(({ take }) => take()));
  for (const [data, [dataType, jsonData], simpleData, contentType, back] of kinds) {
    send(data);
    await fromGroup(back);
    const toJson = await json.take();
    assert.deepEqual([toJson.dataType, toJson.data], [dataType, jsonData]);
    assert.deepEqual(await simple.take(), simpleData);
    for (const { take, protocolVersion } of devices) {
      const [payload, type] = await take();
      assert.deepEqual(payload, Buffer.from(simpleData));
      assert.equal(type, protocolVersion === 5 ? contentType : undefined);
    }
    json.say(JSON.stringify({ type: "sendToGroup", group: room, dataType, data: jsonData }));
    await fromGroup(dataType === "json" ? { text_data: '{"a":1.5}' } : back);
    await others();
    devices[1].device.publish(room, Buffer.from(simpleData), { properties: { contentType } });
    await fromGroup(back);
    await others();
  }
  devices[0].device.publish(room, "plain");
  await fromGroup({ binary_data: Buffer.from("plain") });
  raw.say("from a simple client");
  await fromGroup({ text_data: "from a simple client" });
  raw.socket.send(binary);
  await fromGroup({ binary_data: binary });
  await service.group(room).sendToAll({ b: 2 });
  await fromGroup({ text_data: '{"b":2}' });
  await service.sendToConnection(connected.connection_id, "direct", { contentType: "text/plain" });
  const { data_message: direct } = await alice.take();
  assert.deepEqual([direct.from, direct.group, direct.data.text_data], ["server", undefined, "direct"]);

  alice.say({ join_group_message: { group: "other", ack_id: 7 } });
  assert.deepEqual((await alice.take()).ack_message, { ack_id: 7, success: true });
  alice.say({ ping_message: {} });
  assert.equal((await alice.take()).message, "pong_message");
  alice.say({ set_group_state_message: { group: "other", ack_id: 8, state: { entries: { k: "v" } } } });
  assert.equal((await alice.take()).ack_message.success, true);
  alice.say({ subscribe_group_state_message: { group: "other" } });
  const { group_state_snapshot_message: snapshot } = await alice.take();
  assert.deepEqual(snapshot.items[0].state.entries, { k: "v" });
  alice.say({ invoke_event_message: { event: "sum", invocation_id: "i" } });
  assert.equal((await alice.take()).invoke_response_message.error.name, "NotFound");

  send(undefined, { stream: { stream_id: "s" }, no_echo: true });
  assert.deepEqual((await alice.take()).stream_ack_message, { stream_id: "s", expected_sequence_id: 1 });
  alice.say({ stream_data_message: { stream_id: "s", stream_sequence_id: 1, data: { text_data: "piece" } } });
  assert.equal((await alice.take()).stream_ack_message.expected_sequence_id, 2);
  alice.say({ stream_end_message: { stream_id: "s" } });
  assert.deepEqual((await alice.take()).stream_closed_message, { stream_id: "s" });

  alice.socket.send(Buffer.from([255]));
  assert.equal((await alice.take()).system_message.message, "disconnected_message");
  assert.equal((await once(alice.socket, "close"))[0], 1007);
  const wrong = await connect(name);
  wrong.socket.send("text");
  assert.equal((await once(wrong.socket, "close"))[0], 1003);
  const large = await connect(name);
  large.socket.send(Buffer.alloc(1024 * 1024 + 1));
  assert.equal((await once(large.socket, "close"))[0], 1009);
  for (const { device } of devices) device.end(true);
  for (const client of [json, simple, raw]) client.socket.terminate();
  ok(name);
}

const proxy = await Proxy.start(new URL(/Endpoint=([^;]+)/.exec(connectionString)[1]));
const name = "protobuf.reliable.webpubsub.azure.v1";
const first = await connect(name, { groups: ["lasting"] }, "", proxy.host);
const { connection_id: id, reconnection_token: token } = first.greeting.system_message.connected_message;
await service.group("lasting").sendToAll("one", { contentType: "text/plain" });
assert.equal((await first.take()).data_message.sequence_id, 1);
proxy.cut();
await service.group("lasting").sendToAll("two", { contentType: "text/plain" });
const query = `&awps_connection_id=${id}&awps_reconnection_token=${token}`;
const again = await connect(name, {}, query, proxy.host);
assert.equal(again.greeting.system_message.connected_message.connection_id, id);
for (const [number, text] of [[1, "one"], [2, "two"]]) {
  const { data_message: got } = await again.take();
  assert.deepEqual([got.sequence_id, got.data.text_data], [number, text]);
}
again.say({ sequence_ack_message: { sequence_id: 2 } });
again.socket.close(1000);
ok("recovery");
console.log("done");
process.exit(0);
