// mqtt.js against a hub whose events a back end handles, both versions. Arguments: connection string.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const mqtt = require("mqtt");

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);

async function connect(clientId, protocolVersion, token, options = {}) {
  const { url } = await service.getClientAccessToken({ clientProtocol: "mqtt", ...token });
  return mqtt.connect(url, { clientId, protocolVersion, reconnectPeriod: 0, ...options });
}

for (const version of [4, 5]) {
  const client = await connect(`mqttjs${version}`, version, {}, { username: "mary", password: "secret" });
  const held = [];
  client.on("message", (topic, payload, packet) => held.push({ topic, text: payload.toString(), properties: packet.properties ?? {} }));
  const [connack] = await once(client, "connect");
  if (version === 5) assert.equal(connack.properties.userProperties.hello, "mary");
  const properties = version === 5 ? { contentType: "application/json", correlationData: Buffer.from("c1"), userProperties: { a: "b" } } : undefined;
  await client.publishAsync("$webpubsub/server/events/move", '{"x":1}', { qos: 1, properties });
  await client.publishAsync("$webpubsub/server/events/fail", "x", { qos: 0 });
  await client.publishAsync("everybody", "group", { qos: 1 });
  while (held.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  const find = (topic) => held.find((message) => message.topic === topic);
  const answer = find("$webpubsub/server/events/move/succeeded");
  const failure = find("$webpubsub/server/events/fail/failed");
  assert.equal(find("everybody").text, "group");
  assert.equal(failure.text, "it failed");
  if (version === 5) {
    assert.equal(answer.text, '{"echo":{"x":1}}');
    assert.equal(answer.properties.userProperties["azure-status-code"], "200");
    assert.equal(answer.properties.correlationData.toString(), "c1");
    assert.match(answer.properties.contentType, /^application\/json/);
    assert.equal(failure.properties.userProperties["azure-status-code"], "500");
  } else {
    assert.equal(answer.text, 'echo {"x":1}');
  }
  await client.endAsync();
  ok(`MQTT ${version === 4 ? "3.1.1" : "5"}`);

  const banned = await connect(`banned${version}`, version, { userId: "no-body" });
  const [error] = await once(banned, "error");
  assert.equal(error.code, version === 5 ? 0x8a : 5);
  banned.end(true);
  ok("turned away");
}
console.log("done");
process.exit(0);
