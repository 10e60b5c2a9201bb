// A back end with @azure/web-pubsub-express: every handler there is. Argument: the access key, to check signatures with.
// It prints its port, and then a line of JSON for each event. Users say what happens to them: "no-…" may not come in,
// the event "fail" fails, the event "slow" is answered when "release" has been posted to /release.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const express = require("express");
const { WebPubSubEventHandler } = require(process.env.MYNA_EXPRESS || "@azure/web-pubsub-express");

const key = process.argv[2];
const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));
const waiting = [];

function who({ context }) {
  const signature = "sha256=" + createHmac("sha256", key).update(context.connectionId).digest("hex");
  return {
    id: context.connectionId,
    user: context.userId,
    hub: context.hub,
    signed: context.signature.split(",").includes(signature),
    protocol: context.clientProtocol,
    state: context.states,
    session: context.mqtt?.sessionId !== undefined,
  };
}

const handler = new WebPubSubEventHandler("chat", {
  path: "/events/",
  allowedEndpoints: ["https://elsewhere.example", "http://push.example:8080"],
  handleConnect(request, response) {
    say("connect", { ...who(request), origin: request.context.origin, claims: request.claims, query: request.query, offered: request.subprotocols, mqtt: request.mqtt });
    const user = request.claims?.sub?.[0] ?? request.mqtt?.username ?? "";
    if (user.startsWith("no-")) {
      if (request.mqtt) return response.failWith({ mqtt: { code: request.mqtt.protocolVersion === 5 ? 0x8a : 5, reason: "no", userProperties: [{ name: "why", value: "banned" }] } });
      return response.fail(401, "not you");
    }
    response.setState("visits", 1);
    response.success({
      userId: user || "guest",
      groups: ["everybody"],
      roles: ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"],
      ...(request.mqtt ? { subprotocol: "mqtt", mqtt: { userProperties: [{ name: "hello", value: user || "guest" }] } } : {}),
    });
  },
  onConnected: (request) => say("connected", who(request)),
  onDisconnected: (request) => say("disconnected", { ...who(request), reason: request.reason, mqtt: request.mqtt }),
  onGroupJoined: (request) => say("joined", { ...who(request), group: request.group }),
  onGroupLeft: (request) => say("left", { ...who(request), group: request.group }),
  handleUserEvent(request, response) {
    const name = request.context.eventName;
    const data = request.dataType === "binary" ? Buffer.from(request.data).toString("latin1") : request.data;
    say("user", { ...who(request), name, data, type: request.dataType });
    if (name === "fail") return response.fail(500, "it failed");
    if (name === "slow") return waiting.push(() => response.success("at last", "text"));
    response.setState("events", (request.context.states.events ?? 0) + 1);
    if (request.dataType === "json") response.success(JSON.stringify({ echo: data }), "json");
    else response.success(`echo ${data}`, "text");
  },
});

const app = express();
app.use(handler.getMiddleware());
app.post("/release", (request, response) => {
  for (const answer of waiting.splice(0)) answer();
  response.end();
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
