// A proxy that cuts connections, and lets none in while it is closed.
import { once } from "node:events";
import net from "node:net";

export class Proxy {
  sockets = new Set();
  open = true;
  static async start(target) {
    const proxy = new Proxy();
    proxy.server = net.createServer((inner) => {
      if (!proxy.open) return inner.destroy();
      const outer = net.connect(target.port, target.hostname);
      for (const [from, to] of [[inner, outer], [outer, inner]]) {
        proxy.sockets.add(from);
        from.on("error", () => {}).on("close", () => to.destroy());
        from.pipe(to);
      }
    });
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    return proxy;
  }
  get host() {
    return `127.0.0.1:${this.server.address().port}`;
  }
  cut() {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }
}
