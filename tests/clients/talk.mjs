// Two mqtt.js clients talk over the broker at the URL given; what the listener got is printed as JSON.
import mqtt from "mqtt";

const [url, version, topic] = process.argv.slice(2);
const options = { protocolVersion: Number(version), reconnectPeriod: 0, connectTimeout: 10_000 };
if (options.protocolVersion === 3) options.protocolId = "MQIsdp";
const is5 = options.protocolVersion === 5;

const listener = await mqtt.connectAsync(url, options);
const speaker = await mqtt.connectAsync(url, options);
const received = [];
const all = new Promise((done) => {
  listener.on("message", (name, payload, packet) => {
    received.push({ topic: name, payload: payload.toString(), qos: packet.qos, user: packet.properties?.userProperties ?? null });
    if (received.length === 3) done();
  });
});
await listener.subscribeAsync(`${topic}/#`, { qos: 2 });
for (const qos of [0, 1, 2]) {
  const properties = is5 ? { userProperties: { at: String(qos) } } : undefined;
  await speaker.publishAsync(`${topic}/${qos}`, `at ${qos}`, { qos, properties });
}
await all;
await Promise.all([listener.endAsync(), speaker.endAsync()]);
console.log(JSON.stringify(received.sort((a, b) => a.qos - b.qos)));
