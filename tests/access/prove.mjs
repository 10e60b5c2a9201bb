// mqtt.js proves a password by SCRAM-SHA-256: prints the CONNACK's code, and whether the server has proved itself.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import mqtt from "mqtt";

const [url, name, password] = process.argv.slice(2);
const method = "SCRAM-SHA-256";
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
const bare = `n=${name},r=${randomBytes(12).toString("base64url")}`;
let signature = "";

const client = mqtt.connect(url, {
  protocolVersion: 5,
  reconnectPeriod: 0,
  connectTimeout: 10_000,
  properties: { authenticationMethod: method, authenticationData: Buffer.from(`n,,${bare}`) },
});
client.handleAuth = (packet, done) => {
  const question = packet.properties.authenticationData.toString();
  const said = Object.fromEntries(question.split(",").map((part) => [part[0], part.slice(2)]));
  const salted = pbkdf2Sync(password, Buffer.from(said.s, "base64"), Number(said.i), 32, "sha256");
  const key = hmac(salted, "Client Key");
  const withoutProof = `c=biws,r=${said.r}`;
  const signed = `${bare},${question},${withoutProof}`;
  const mask = hmac(createHash("sha256").update(key).digest(), signed);
  const proof = Buffer.from(key.map((byte, index) => byte ^ mask[index])).toString("base64");
  signature = `v=${hmac(hmac(salted, "Server Key"), signed).toString("base64")}`;
  const properties = { authenticationMethod: method, authenticationData: Buffer.from(`${withoutProof},p=${proof}`) };
  done(undefined, { cmd: "auth", reasonCode: 0x18, properties });
};
const end = (code, proved) => {
  console.log(JSON.stringify({ code, proved }));
  client.end(true, () => process.exit(0));
};
client.on("packetreceive", (packet) => {
  if (packet.cmd === "connack") {
    end(packet.reasonCode, packet.properties?.authenticationData?.toString() === signature);
  }
});
client.on("error", () => {});
