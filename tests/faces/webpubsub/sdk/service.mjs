// Every operation of @azure/web-pubsub against a running server. Arguments: connection string.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.MYNA_NODE_MODULES, "index.js"));
const { WebPubSubServiceClient, AzureKeyCredential } = require("@azure/web-pubsub");
const WebSocket = require("ws");

const connectionString = process.argv[2];
const service = new WebPubSubServiceClient(connectionString, "JsHub", { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } });
const ok = (name) => console.log("ok", name);

class Client {
  frames = [];
  waiting = [];
  static async open(token = {}, protocol = "json.webpubsub.azure.v1") {
    const client = new Client();
    const { url } = await service.getClientAccessToken(token);
    client.socket = new WebSocket(url, protocol ? [protocol] : []);
    const push = (frame) => (client.waiting.length ? client.waiting.shift()(frame) : client.frames.push(frame));
    client.socket.on("message", (data, binary) => push(binary ? data : protocol ? JSON.parse(data) : data.toString()));
    client.socket.on("close", (code) => push({ closed: code }));
    await new Promise((resolve, reject) => client.socket.on("open", resolve).on("error", reject));
    if (protocol) client.id = (await client.take()).connectionId;
    return client;
  }
  take() {
    if (this.frames.length) return Promise.resolve(this.frames.shift());
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("nothing came")), 10000).unref();
      this.waiting.push(resolve);
    });
  }
}

const alice = await Client.open({ userId: "alice", roles: ["webpubsub.sendToGroups.room-*"] });
const bob = await Client.open({ userId: "bob", groups: ["from token"] });

await service.sendToAll({ n: 1 });
assert.deepEqual([(await alice.take()).data, (await bob.take()).data], [{ n: 1 }, { n: 1 }]);
await service.sendToAll("hello");
assert.deepEqual([(await alice.take()).dataType, (await bob.take()).data], ["json", "hello"]);
await service.sendToAll("text", { contentType: "text/plain", filter: "userId eq 'alice'" });
assert.deepEqual((await alice.take()).dataType, "text");
await service.sendToAll("soon", { contentType: "text/plain", messageTtlSeconds: 30, excludedConnections: [bob.id] });
assert.equal((await alice.take()).data, "soon");
await service.sendToUser("bob", Buffer.from([0, 255]));
assert.equal((await bob.take()).data, "AP8=");
await service.sendToConnection(alice.id, "you", { contentType: "text/plain" });
assert.equal((await alice.take()).data, "you");
ok("sending");

assert.equal(await service.connectionExists(alice.id), true);
assert.equal(await service.connectionExists("nobody"), false);
assert.equal(await service.userExists("bob"), true);
assert.equal(await service.userExists("nobody"), false);
assert.equal(await service.groupExists("from token"), true);
assert.equal(await service.groupExists("nobody"), false);
ok("existence");

const group = service.group("g/1 é?#+");
await group.addConnection(alice.id);
await group.addUser("bob");
await group.sendToAll("to all", { contentType: "text/plain", excludedConnections: [bob.id] });
assert.deepEqual((await alice.take()).group, "g/1 é?#+");
await group.removeConnection(alice.id);
await group.removeUser("bob");
assert.equal(await service.groupExists("g/1 é?#+"), false);
await assert.rejects(group.addConnection("nobody"), (error) => error.statusCode === 404 && error.code === "Error.Connection.NotExisted");
await assert.rejects(group.addUser("nobody"), (error) => error.statusCode === 404);
await group.removeUser("nobody");
ok("groups");

await service.addConnectionsToGroups(["x", "y"], "userId eq 'alice'");
assert.deepEqual([await service.groupExists("x"), await service.groupExists("y")], [true, true]);
await service.removeConnectionsFromGroups(["x", "y"], "userId eq 'alice'");
assert.equal(await service.groupExists("x"), false);
await service.group("x").addConnection(alice.id);
await service.removeConnectionFromAllGroups(alice.id);
await service.group("x").addUser("bob");
await service.removeUserFromAllGroups("bob");
assert.equal(await service.groupExists("x"), false);
const text = "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')";
for (const call of [
  service.sendToAll({ a: 1 }, { filter: "invalid filter" }),
  service.group("x").sendToAll({ a: 1 }, { filter: "invalid filter" }),
  service.addConnectionsToGroups(["x"], "invalid filter"),
  service.removeConnectionsFromGroups(["x"], "invalid filter"),
])
  await assert.rejects(call, (error) => error.statusCode === 400 && JSON.parse(error.message).message === text);
ok("selections");

assert.equal(await service.hasPermission(alice.id, "sendToGroup", { targetName: "room-1" }), true);
assert.equal(await service.hasPermission(alice.id, "sendToGroup", { targetName: "hall" }), false);
await service.grantPermission(alice.id, "sendToGroup", { targetName: "hall" });
assert.equal(await service.hasPermission(alice.id, "sendToGroup", { targetName: "hall" }), true);
await service.revokePermission(alice.id, "sendToGroup", { targetName: "hall" });
assert.equal(await service.hasPermission(alice.id, "sendToGroup", { targetName: "hall" }), false);
await service.grantPermission(alice.id, "joinLeaveGroup");
assert.equal(await service.hasPermission(alice.id, "joinLeaveGroup"), true);
await service.revokePermission("nobody", "sendToGroup", { targetName: "a" });
ok("permissions");

const members = [];
for (let n = 0; n < 6; n++) members.push(await Client.open({ userId: `user ${n}`, groups: ["pages"] }));
for (const [options, sizes] of [[{ maxPageSize: 2, top: 5 }, [2, 2, 1]], [{ maxPageSize: 2 }, [2, 2, 2]], [{ top: 3 }, [3]]]) {
  const pages = [];
  const listed = await service.group("pages").listConnections(options);
  for await (const page of listed.byPage()) pages.push(page.length);
  assert.deepEqual(pages, sizes);
}
const ids = [];
for await (const member of await service.group("pages").listConnections()) ids.push(member.connectionId);
assert.deepEqual(ids.sort(), members.map((one) => one.id).sort());
ok("pages");

await service.group("pages").closeAllConnections({ excluded: [members[0].id], reason: "over" });
assert.deepEqual([(await members[1].take()).message, await members[1].take()], ["over", { closed: 1000 }]);
await service.closeUserConnections("user 0", { reason: "gone" });
assert.equal((await members[0].take()).message, "gone");
await service.closeConnection(bob.id, { reason: "bye" });
assert.equal((await bob.take()).message, "bye");
await service.closeConnection("nobody");
await service.closeAllConnections({ reason: "all" });
assert.equal((await alice.take()).message, "all");
ok("ends");

const [, endpoint, key] = /Endpoint=([^;]+);AccessKey=([^;]+)/.exec(connectionString);
const proxied = new WebPubSubServiceClient("http://public.example", new AzureKeyCredential(key), "JsHub", { reverseProxyEndpoint: endpoint, allowInsecureConnection: true });
await proxied.sendToAll({ through: "a proxy" });
ok("an audience of another host");
await assert.rejects(new WebPubSubServiceClient(endpoint, new AzureKeyCredential("x".repeat(40)), "JsHub", { allowInsecureConnection: true }).sendToAll({}), (error) => error.statusCode === 401);
ok("a wrong key");
console.log("done");
process.exit(0);
