// @azure/web-pubsub-client and plain WebSockets of a hub whose events a back end handles. Arguments: connection string.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require("@azure/web-pubsub-client");
const WebSocket = require("ws");

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });
const ok = (name) => console.log("ok", name);
const withoutRetries = { messageRetryOptions: { maxRetries: 0 }, reconnectRetryOptions: { maxRetries: 0 }, autoReconnect: false };

for (const [name, protocol] of [["json", WebPubSubJsonProtocol()], ["reliable", WebPubSubJsonReliableProtocol()]]) {
  const { url } = await service.getClientAccessToken({ userId: `js-${name}` });
  const client = new WebPubSubClient(url, { protocol, ...withoutRetries });
  const order = [], groups = [];
  client.on("server-message", ({ message }) => order.push(message.data));
  client.on("group-message", ({ message }) => groups.push(message.data));
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  assert.equal((await connected).userId, `js-${name}`);
  await client.sendEvent("move", { x: 1 }, "json").then(() => order.push("acked"));
  assert.deepEqual(order, [{ echo: { x: 1 } }, "acked"]);
  await client.sendEvent("say", "hi", "text");
  assert.equal(order.at(-1), "echo hi");
  await assert.rejects(client.sendEvent("fail", "x", "text"), (error) => error.errorDetail.name === "InternalServerError");
  await client.joinGroup("room");
  await client.leaveGroup("room");
  await client.sendToGroup("everybody", "all", "text");
  while (!groups.length) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(groups, ["all"]);
  const stopped = new Promise((resolve) => client.on("stopped", resolve));
  client.stop();
  await stopped;
  ok(name);
}

const plain = await service.getClientAccessToken({ userId: "js-simple" });
const simple = new WebSocket(plain.url);
const answers = [];
const answered = new Promise((resolve) => simple.on("message", (data) => answers.push(data.toString()) === 2 && resolve()));
await once(simple, "open");
simple.send("one");
simple.send("two");
await answered;
assert.deepEqual(answers, ["echo one", "echo two"]);
simple.close();
await once(simple, "close");
ok("simple");

const banned = await service.getClientAccessToken({ userId: "no-body" });
const refused = new WebSocket(banned.url);
const [, response] = await once(refused, "unexpected-response");
assert.equal(response.statusCode, 401);
assert.equal((await response.toArray()).join(""), "not you");
ok("turned away");
console.log("done");
process.exit(0);
