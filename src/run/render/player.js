'use strict';
// A player of films, as html.rs writes them: h2oplusPlayer(element).load(film). One clock for both worlds; a world whose
// episode has ended stays at its last frame.
window.h2oplusPlayer = function (root) {
  const BELOW = 0.14; // share of a scene below the floor
  const TILE = 0.5; // m
  const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const element = function (tag, name, text) {
    const made = document.createElement(tag);
    if (name) { made.className = name; }
    if (text) { made.textContent = text; }
    return made;
  };
  const add = function (parent) {
    for (let n = 1; n < arguments.length; n += 1) { parent.append(arguments[n]); }
    return parent;
  };

  // The page's part.
  const panes = ['left', 'right'].map(function (side) {
    const pane = {
      figure: element('figure', side), name: element('strong'), gap: element('span'), said: element('output'),
      scene: element('canvas', 'scene'), torques: element('canvas', 'torques'),
    };
    pane.scene.setAttribute('role', 'img');
    add(pane.figure, add(element('figcaption'), pane.name, pane.gap, pane.said), pane.scene, pane.torques);
    return pane;
  });
  const sum = element('canvas', 'sum');
  const play = element('button', 'play', 'play');
  const back = element('button', '', '◂ step');
  const ahead = element('button', '', 'step ▸');
  [play, back, ahead].forEach(function (button) { button.type = 'button'; });
  const speed = element('select');
  speed.setAttribute('aria-label', 'Speed');
  SPEEDS.forEach(function (value) { speed.append(new Option(value + '×', value, value === 1, value === 1)); });
  const beside = element('select');
  beside.setAttribute('aria-label', 'What the two worlds have in common');
  const scrub = element('input', 'scrub');
  scrub.type = 'range'; scrub.min = 0; scrub.step = 1; scrub.value = 0;
  scrub.setAttribute('aria-label', 'Step');
  const now = element('span', 'now');
  const box = function (text) {
    const input = element('input');
    input.type = 'checkbox'; input.checked = true;
    return { label: add(element('label'), input, text), input: input };
  };
  const forces = box('forces');
  const torques = box('torques, N m');
  const ghost = box('ghost');
  const keys = element('p', 'keys');
  [['space', 'play'], ['← →', 'step'], ['shift ← →', 'ten steps'], ['home end', 'ends'], ['↑ ↓', 'speed'],
    ['f', 'forces'], ['t', 'torques'], ['g', 'ghost'], ['p', 'policy or actions']].forEach(function (pair) {
    add(keys, element('kbd', '', pair[0]), ' ' + pair[1] + '  ');
  });
  add(root,
    add(element('div', 'panes'), panes[0].figure, panes[1].figure), sum,
    add(element('div', 'controls'), play, back, ahead, scrub, now),
    add(element('div', 'controls'), speed, beside, forces.label, torques.label, ghost.label), keys);

  // What is shown.
  let film = null;
  let clock = 0; // in steps
  let playing = false;
  let before = null;
  let queued = false;
  let colors = {};

  const column = function (deltas, scale) {
    let at = 0;
    return Float64Array.from(deltas, function (delta) { at += delta; return at * scale; });
  };
  const decode = function (track) {
    const rewards = column(track.rewards, 0.001);
    let total = 0;
    return {
      name: track.name, gap: track.gap, end: track.end, weight: track.weight, length: rewards.length,
      limbs: track.limbs.map(function (l) { return [l[0]].concat(l.slice(1).map(function (x) { return x / 1000; })); }),
      poses: track.poses.map(function (c) { return column(c, 0.001); }),
      torques: track.torques.map(function (c) { return column(c, 0.1); }),
      sums: rewards.map(function (reward) { total += reward; return total; }),
      touches: track.touches,
    };
  };
  const shown = function () {
    return film.pairings[Number(beside.value) || 0].tracks.map(function (t) { return film.tracks[t]; });
  };
  const length = function () { return Math.max.apply(null, shown().map(function (track) { return track.length; })); };
  const step = function () { return Math.min(Math.floor(clock + 1e-9), length() - 1); };

  // A body's pose between two steps: x, z, angle.
  const pose = function (track, body, at) {
    const last = track.length - 1;
    const low = Math.min(Math.floor(at), last);
    const high = Math.min(low + 1, last);
    const share = Math.min(at, last) - low;
    return [0, 1, 2].map(function (k) {
      const c = track.poses[3 * body + k];
      return c[low] + (c[high] - c[low]) * share;
    });
  };
  // Where the point that was at (x, z) in step `at` is now, if it moves with its body.
  const carried = function (track, body, at, x, z) {
    const was = pose(track, body, at), is = pose(track, body, clock);
    const c = Math.cos(is[2] - was[2]), s = Math.sin(is[2] - was[2]);
    const dx = x - was[0], dz = z - was[1];
    return [is[0] + c * dx + s * dz, is[1] + c * dz - s * dx];
  };
  const readColors = function () {
    const style = getComputedStyle(document.documentElement);
    ['ground', 'raised', 'ink', 'soft', 'line', 'c0', 'c1', 'c2'].forEach(function (name) {
      colors[name] = style.getPropertyValue('--' + name).trim();
    });
  };
  // A canvas' context in CSS pixels, empty.
  const ready = function (canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const g = canvas.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = '12px system-ui, sans-serif';
    return { g: g, width: width, height: height };
  };
  const robot = function (g, place, scale, track, at, color, alpha) {
    g.save();
    g.lineCap = 'round';
    g.strokeStyle = color;
    // One layer of even strength, also where limbs overlap.
    const layer = alpha < 1 ? new Path2D() : null;
    track.limbs.forEach(function (limb) {
      const p = pose(track, limb[0], at);
      const c = Math.cos(p[2]), s = Math.sin(p[2]);
      const a = place(p[0] + c * limb[1] + s * limb[2], p[1] + c * limb[2] - s * limb[1]);
      const b = place(p[0] + c * limb[3] + s * limb[4], p[1] + c * limb[4] - s * limb[3]);
      if (limb[1] === limb[3] && limb[2] === limb[4]) {
        // A wheel, with a spoke by which one sees it roll.
        const r = limb[5] * scale;
        g.globalAlpha = alpha;
        g.fillStyle = color;
        g.beginPath();
        g.arc(a[0], a[1], r, 0, 7);
        g.fill();
        g.lineWidth = Math.max(0.15 * r, 1);
        g.strokeStyle = colors.line;
        g.beginPath();
        g.moveTo(a[0], a[1]);
        g.lineTo(a[0] + 0.8 * r * s, a[1] - 0.8 * r * c);
        g.stroke();
        g.globalAlpha = 1;
        g.strokeStyle = color;
        return;
      }
      g.lineWidth = Math.max(2 * limb[5] * scale, 1);
      if (layer) {
        layer.moveTo(a[0], a[1]);
        layer.lineTo(b[0], b[1]);
        return;
      }
      g.beginPath();
      g.moveTo(a[0], a[1]);
      g.lineTo(b[0], b[1]);
      g.stroke();
    });
    if (layer) {
      g.globalAlpha = alpha;
      g.stroke(layer);
    }
    g.restore();
  };
  const arrow = function (g, from, dx, dy) {
    const size = Math.hypot(dx, dy);
    if (size < 1) { return; }
    const ux = dx / size, uy = dy / size;
    const tip = [from[0] + dx, from[1] + dy];
    g.beginPath();
    g.arc(from[0], from[1], 3, 0, 7);
    g.fill();
    g.beginPath();
    g.moveTo(from[0], from[1]);
    g.lineTo(tip[0], tip[1]);
    g.stroke();
    g.beginPath();
    g.moveTo(tip[0] + 4 * ux, tip[1] + 4 * uy);
    g.lineTo(tip[0] - 5 * ux - 4 * uy, tip[1] - 5 * uy + 4 * ux);
    g.lineTo(tip[0] - 5 * ux + 4 * uy, tip[1] - 5 * uy - 4 * ux);
    g.fill();
  };
  const drawScene = function (pane, own, other, side) {
    const c = ready(pane.scene), g = c.g;
    const scale = c.height * (1 - BELOW) / film.height;
    const middle = pose(own, 0, clock)[0];
    const line = c.height * (1 - BELOW);
    const place = function (x, z) { return [c.width / 2 + (x - middle) * scale, line - z * scale]; };
    // The floor, with a mark every metre.
    g.fillStyle = colors.line;
    g.globalAlpha = 0.55;
    g.fillRect(0, line, c.width, c.height - line);
    g.globalAlpha = 1;
    const half = c.width / 2 / scale;
    g.textAlign = 'center';
    for (let tile = Math.floor((middle - half) / TILE); tile <= (middle + half) / TILE; tile += 1) {
      const x = place(tile * TILE, 0)[0];
      g.fillStyle = colors.line;
      if (tile % 2 === 0) { g.fillRect(x, line, TILE * scale, c.height - line); }
      g.fillStyle = colors.soft;
      if (tile % 2 === 0 && c.height - line > 16) { g.fillText(tile * TILE + ' m', x, c.height - 8); }
    }
    const color = [colors.c0, colors.c1];
    if (ghost.input.checked) {
      robot(g, place, scale, other, clock, color[1 - side], 0.25);
      const x = place(pose(other, 0, clock)[0], 0)[0];
      if (x < 0 || x > c.width) {
        const far = Math.abs(pose(other, 0, clock)[0] - middle).toFixed(1) + ' m';
        g.fillStyle = color[1 - side];
        g.textAlign = x < 0 ? 'left' : 'right';
        g.fillText(x < 0 ? '◂ ' + far : far + ' ▸', x < 0 ? 8 : c.width - 8, line - 8);
      }
    }
    robot(g, place, scale, own, clock, color[side], 1);
    const at = Math.min(step(), own.length - 1);
    if (forces.input.checked) {
      g.fillStyle = g.strokeStyle = colors.c2;
      g.lineWidth = 2;
      const touches = own.touches[at];
      for (let n = 0; n < touches.length; n += 5) {
        const dx = touches[n + 3], dy = -touches[n + 4];
        const unit = 0.22 * c.height / own.weight;
        const most = 0.6 * c.height / (Math.hypot(dx, dy) * unit || 1);
        const shrunk = unit * Math.min(1, most);
        const spot = carried(own, touches[n], at, touches[n + 1] / 1000, touches[n + 2] / 1000);
        arrow(g, place(spot[0], spot[1]), dx * shrunk, dy * shrunk);
      }
    }
    const earlier = Math.max(at - 1, 0);
    const velocity = at > 0 ? (own.poses[0][at] - own.poses[0][earlier]) / film.dt : 0;
    const ended = step() >= own.length - 1 && own.end !== 'goes on' ? own.end + ' · ' : '';
    const words = ended + velocity.toFixed(1) + ' m/s · reward so far ' + own.sums[at].toFixed(0);
    pane.said.textContent = words;
    pane.scene.setAttribute('aria-label', own.name + ' ' + own.gap + ': ' + words);
  };
  const drawTorques = function (pane, own, side) {
    pane.torques.hidden = !torques.input.checked;
    if (!torques.input.checked) { return; }
    const c = ready(pane.torques), g = c.g;
    const at = Math.min(step(), own.length - 1);
    const each = c.width / film.motors.length;
    const zero = (c.height - 16) / 2;
    g.textAlign = 'center';
    film.motors.forEach(function (motor, n) {
      const x = each * n + each / 2;
      const torque = own.torques[n][at];
      const width = Math.min(each * 0.5, 34);
      g.fillStyle = colors.raised;
      g.fillRect(x - width / 2, 0, width, 2 * zero);
      g.fillStyle = side ? colors.c1 : colors.c0;
      g.fillRect(x - width / 2, zero, width, -zero * Math.max(-1, Math.min(1, torque / motor[1])));
      g.fillStyle = colors.line;
      g.fillRect(x - width / 2, zero - 0.5, width, 1);
      g.fillStyle = colors.soft;
      g.fillText(motor[0] + ' ' + torque.toFixed(0), x, c.height - 3, each - 4);
    });
    pane.torques.setAttribute('aria-label', 'torques, N m');
  };
  const drawSum = function (tracks) {
    const c = ready(sum), g = c.g;
    const low = Math.min.apply(null, tracks.map(function (t) { return Math.min.apply(null, t.sums); }).concat(0));
    const high = Math.max.apply(null, tracks.map(function (t) { return Math.max.apply(null, t.sums); }).concat(low + 1));
    const x = function (n) { return length() > 1 ? c.width * n / (length() - 1) : 0; };
    const y = function (v) { return 18 + (c.height - 24) * (1 - (v - low) / (high - low)); };
    g.fillStyle = colors.soft;
    g.textAlign = 'left';
    g.fillText('reward so far', 0, 11);
    g.textAlign = 'right';
    g.fillText(high.toFixed(0), c.width, 11);
    g.fillStyle = colors.line;
    g.fillRect(0, y(0), c.width, 1);
    tracks.forEach(function (track, side) {
      g.strokeStyle = side ? colors.c1 : colors.c0;
      g.lineWidth = 2;
      g.beginPath();
      track.sums.forEach(function (value, n) { g.lineTo(x(n), y(value)); });
      g.stroke();
    });
    g.fillStyle = colors.ink;
    g.fillRect(Math.min(x(clock), c.width - 1), 14, 1, c.height - 14);
  };
  const draw = function () {
    if (!film) { return; }
    const tracks = shown();
    const at = step();
    root.dataset.step = at;
    scrub.value = at;
    now.textContent = (at * film.dt).toFixed(2) + ' s · step ' + at + ' of ' + (length() - 1);
    play.textContent = playing ? 'pause' : 'play';
    play.setAttribute('aria-pressed', playing);
    panes.forEach(function (pane, side) {
      drawScene(pane, tracks[side], tracks[1 - side], side);
      drawTorques(pane, tracks[side], side);
    });
    drawSum(tracks);
  };
  const tick = function (time) {
    queued = false;
    if (playing && before !== null) {
      clock += (time - before) / 1000 * Number(speed.value) / film.dt;
      if (clock >= length() - 1) { clock = length() - 1; playing = false; }
    }
    before = time;
    draw();
    if (playing) { queue(); }
  };
  const queue = function () {
    if (!queued) { queued = true; requestAnimationFrame(tick); }
  };
  // What a click or a key changes shows at once.
  const refresh = function () {
    if (playing) { queue(); } else { draw(); }
  };
  const seek = function (to) {
    playing = false;
    clock = Math.max(0, Math.min(length() - 1, Math.round(to)));
    refresh();
  };
  const toggle = function () {
    playing = !playing;
    if (playing && clock >= length() - 1) { clock = 0; }
    before = null;
    refresh();
  };
  const faster = function (by) {
    speed.selectedIndex = Math.max(0, Math.min(SPEEDS.length - 1, speed.selectedIndex + by));
  };
  const flip = function (what) { what.input.checked = !what.input.checked; refresh(); };

  play.addEventListener('click', toggle);
  back.addEventListener('click', function () { seek(step() - 1); });
  ahead.addEventListener('click', function () { seek(step() + 1); });
  scrub.addEventListener('input', function () { seek(Number(scrub.value)); });
  beside.addEventListener('change', function () { name(); clock = Math.min(clock, length() - 1); refresh(); });
  [forces, torques, ghost].forEach(function (b) { b.input.addEventListener('change', refresh); });
  const point = function (event) {
    if (event.buttons) { seek((length() - 1) * event.offsetX / sum.clientWidth); }
  };
  sum.addEventListener('pointerdown', point);
  sum.addEventListener('pointermove', point);
  document.addEventListener('keydown', function (event) {
    const tag = event.target.tagName;
    if (!film || event.ctrlKey || event.metaKey || event.altKey || tag === 'SELECT') { return; }
    if (event.key === ' ' && (tag === 'BUTTON' || tag === 'SUMMARY' || event.target.type === 'checkbox')) { return; }
    const by = event.shiftKey ? 10 : 1;
    const action = {
      ' ': toggle,
      ArrowLeft: function () { seek(step() - by); }, ArrowRight: function () { seek(step() + by); },
      Home: function () { seek(0); }, End: function () { seek(length() - 1); },
      ArrowUp: function () { faster(1); }, ArrowDown: function () { faster(-1); },
      f: function () { flip(forces); }, t: function () { flip(torques); }, g: function () { flip(ghost); },
      p: function () {
        beside.selectedIndex = (beside.selectedIndex + 1) % film.pairings.length;
        beside.dispatchEvent(new Event('change'));
      },
    }[event.key];
    if (action) { event.preventDefault(); action(); }
  });
  const name = function () {
    shown().forEach(function (track, side) {
      panes[side].name.textContent = track.name;
      panes[side].gap.textContent = track.gap === 'none' ? '' : track.gap;
    });
    scrub.max = length() - 1;
  };
  new ResizeObserver(refresh).observe(root);
  const recolor = function () { readColors(); refresh(); };
  new MutationObserver(recolor).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolor);

  return {
    // Shows `said` from its beginning; plays at once, unless motion is not wanted.
    load: function (said) {
      film = Object.assign({}, said, { tracks: said.tracks.map(decode) });
      const chosen = beside.selectedIndex;
      beside.replaceChildren();
      film.pairings.forEach(function (pairing, n) { beside.append(new Option(pairing.label, n)); });
      beside.selectedIndex = chosen > 0 && chosen < film.pairings.length ? chosen : 0;
      beside.hidden = film.pairings.length < 2;
      clock = 0;
      before = null;
      playing = !calm;
      readColors();
      name();
      queue();
    },
  };
};
