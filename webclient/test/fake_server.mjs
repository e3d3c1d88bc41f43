// SPDX-License-Identifier: Apache-2.0
/**
 * fake_server.mjs - serves dist/ with the real pages' headers and speaks enough of the visio protocol for the pages
 * to be seen in every state. People are canned; media, where a test wants some, comes from fake_sfu.mjs. Calls through the real server are
 * the end-to-end tests' business.
 */
import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { WebSocketServer } from 'ws';

const DIST = resolve(import.meta.dirname, '../dist');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
  "connect-src 'self' ws: wss:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function serveFile(response, path) {
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Content-Security-Policy': CSP,
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(readFileSync(path));
}

function json(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/**
 * `script` decides: openRooms (bool), refuse and refuseOnce ({code, ...} or null), people (participants of welcome), rights,
 * ticketError ([status, code] or null), onWelcome(send, socket), onMessage(message, send, socket).
 */
export async function startFakeServer(port = 0) {
  const script = { openRooms: true, refuse: null, people: [], rights: undefined, ticketError: null, refuseOnce: null };
  const received = [];
  const sockets = new Set();
  let serial = 0;

  const http = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    if (path === '/api/v1/visio/settings') return json(response, 200, { open_rooms: script.openRooms, version: '0.1.0' });
    if (path.endsWith('/tickets')) {
      if (script.ticketError) return json(response, script.ticketError[0], { code: script.ticketError[1], message: '' });
      return json(response, 201, { ticket: `ticket${++serial}`, expires_in_s: 60 });
    }
    if (path === '/') return serveFile(response, join(DIST, 'index.html'));
    if (/^\/visio\/[a-z0-9-]{3,64}$/.test(path)) return serveFile(response, join(DIST, 'visio.html'));
    const file = join(DIST, path);
    if (file.startsWith(DIST) && existsSync(file) && extname(file)) return serveFile(response, file);
    response.writeHead(404).end();
  });

  const wss = new WebSocketServer({ server: http, path: '/visio/ws', handleProtocols: () => 'consilium-visio-1' });
  wss.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const send = (message) => socket.send(JSON.stringify(message));
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      received.push(message);
      if (message.type === 'join' || message.type === 'resume') {
        const refuse = script.refuseOnce ?? script.refuse;
        script.refuseOnce = null;
        if (refuse) {
          send({ type: 'refused', re: message.id, retry: false, message: '', ...refuse });
          return socket.close(4003);
        }
        send({
          type: 'welcome', re: message.id, version: 1, resumed: message.type === 'resume', participant: 'p1', resume: `r${++serial}`,
          room: { name: 'demo', title: 'RCP thorax', capacity: 35, opens_at: null, closes_at: null },
          rights: script.rights ?? ['publish_audio', 'publish_video', 'publish_screen', 'subscribe'],
          ice_servers: [], participants: script.people,
        });
        script.onWelcome?.(send, socket);
      } else if (message.type === 'ping') send({ type: 'pong', re: message.id });
      else if (script.onMessage) script.onMessage(message, send, socket);
      else if (['mute', 'moderate', 'restart'].includes(message.type)) send({ type: 'ok', re: message.id });
    });
  });

  const listen = (at) => new Promise((done) => http.listen(at, '127.0.0.1', done));
  const stop = () =>
    new Promise((done) => {
      for (const socket of sockets) socket.terminate();
      http.close(done);
      http.closeAllConnections();
    });
  await listen(port);
  const bound = http.address().port;
  return {
    script,
    received,
    url: `http://127.0.0.1:${bound}`,
    say: (message) => {
      for (const socket of sockets) socket.send(JSON.stringify(message));
    },
    drop: () => {
      for (const socket of sockets) socket.terminate();
    },
    /** Gone for the world, as after kill -9; start() brings it back on the same port. */
    stop,
    start: () => listen(bound),
  };
}
