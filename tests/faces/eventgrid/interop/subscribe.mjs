// Subscribes with mqtt.js, says "ready", and prints the first message with all its properties.
import mqtt from "mqtt";

const [url, version, topic] = process.argv.slice(2);
const client = mqtt.connect(url, { protocolVersion: Number(version), reconnectPeriod: 0, clientId: `js-${process.pid}` });
client.on("message", (name, payload, packet) => {
  const properties = packet.properties ?? {};
  console.log(
    JSON.stringify({
      topic: name,
      payload: payload.toString("hex"),
      qos: packet.qos,
      retain: packet.retain,
      properties: {
        ...properties,
        correlationData: properties.correlationData && Buffer.from(properties.correlationData).toString("hex"),
        userProperties: properties.userProperties && { ...properties.userProperties },
      },
    }),
  );
  client.end();
});
client.on("error", (error) => { console.error(error); process.exit(1); });
client.subscribe(topic, { qos: 1 }, (error, granted) => {
  if (error) { console.error(error); process.exit(1); }
  console.log("ready");
});
