// Invocations by @azure/web-pubsub-client of a hub whose back end adds numbers, fails, or takes its time.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } = require("@azure/web-pubsub-client");

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });

for (const protocol of [WebPubSubJsonProtocol(), WebPubSubJsonReliableProtocol()]) {
  const { url } = await service.getClientAccessToken({ userId: "u" });
  const client = new WebPubSubClient(url, { protocol });
  await client.start();
  const { data, dataType } = await client.invokeEvent("sum", [1, 2], "json");
  assert.deepEqual([dataType, data], ["json", 3]);
  const sums = await Promise.all([1, 2, 3].map((n) => client.invokeEvent("sum", [n, n], "json")));
  assert.deepEqual(sums.map((sum) => sum.data), [2, 4, 6]);
  assert.equal((await client.invokeEvent("nothing", "x", "text")).data, undefined);
  for (const [event, name] of [["fail", "InternalServerError"], ["unknown", "NotFound"], ["slow", "Timeout"]])
    await assert.rejects(client.invokeEvent(event, "x", "text"), (error) => error.errorDetail.name === name);
  const controller = new AbortController();
  const cancelled = client.invokeEvent("slow", "x", "text", { abortSignal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(cancelled, (error) => /cancel|abort/i.test(error.message));
  client.stop();
  console.log("ok", protocol.name);
}
console.log("done");
process.exit(0);
