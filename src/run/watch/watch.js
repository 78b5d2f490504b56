'use strict';
// The live view: asks the run for its numbers every two seconds, for what is new in its metrics, and for a film of the
// policy whenever there is another one.
(function () {
  const EVERY = 2000; // ms
  const PHASES = [['learning', 'c0'], ['simulating', 'c1'], ['evaluating', 'c2'], ['recording', 'c3']];
  const $ = function (id) { return document.getElementById(id); };
  const player = h2oplusPlayer($('player'));
  const curves = $('curves');
  const metric = $('metric');
  let next = 0;
  let folder = null;
  let series = {}; // metric → member → [[step, value]]
  let members = [];
  let shown = null;
  let color = [];

  const readColors = function () {
    const style = getComputedStyle(document.documentElement);
    color = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'soft', 'line', 'ink'].reduce(function (all, name) {
      all[name] = style.getPropertyValue('--' + name).trim();
      return all;
    }, {});
  };
  const ofMember = function (n) { return color['c' + n % 7]; };
  const short = function (x) {
    const size = Math.abs(x);
    return size >= 100 ? x.toFixed(0) : size >= 1 ? x.toFixed(1) : size === 0 ? '0' : x.toPrecision(2);
  };
  const duration = function (seconds) {
    const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? hours + ' h ' + minutes + ' min' : minutes ? minutes + ' min ' + whole % 60 + ' s' : whole + ' s';
  };

  const take = function (lines) {
    lines.forEach(function (line) {
      Object.keys(line).forEach(function (key) {
        if (!key.includes('/') || typeof line[key] !== 'number') { return; }
        if (!series[key]) {
          series[key] = {};
          const names = Object.keys(series).sort(function (a, b) {
            return (b === 'eval/return') - (a === 'eval/return') || a.localeCompare(b);
          });
          const chosen = metric.value;
          metric.replaceChildren.apply(metric, names.map(function (name) { return new Option(name, name); }));
          metric.value = names.includes(chosen) && chosen ? chosen : names[0];
        }
        const of = series[key];
        (of[line.member] = of[line.member] || []).push([line.step, line[key]]);
      });
    });
  };

  const draw = function () {
    const ratio = window.devicePixelRatio || 1;
    const width = curves.clientWidth, height = curves.clientHeight;
    curves.width = Math.round(width * ratio);
    curves.height = Math.round(height * ratio);
    const g = curves.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.font = '11px system-ui, sans-serif';
    const of = series[metric.value] || {};
    const all = Object.keys(of).reduce(function (points, n) { return points.concat(of[n]); }, []);
    g.fillStyle = color.soft;
    if (!all.length) { g.fillText('no measurement yet', 8, 20); return; }
    const ys = all.map(function (p) { return p[1]; });
    let low = Math.min.apply(null, ys), high = Math.max.apply(null, ys);
    if (high - low < 1e-9) { low -= 1; high += 1; }
    const last = Math.max.apply(null, all.map(function (p) { return p[0]; }).concat(1));
    const left = 46, bottom = height - 18;
    const x = function (step) { return left + (width - left - 8) * step / last; };
    const y = function (value) { return bottom - (bottom - 8) * (value - low) / (high - low); };
    for (let n = 0; n <= 4; n += 1) {
      const value = low + (high - low) * n / 4;
      g.fillStyle = color.line;
      g.fillRect(left, y(value), width - left - 8, 1);
      g.fillStyle = color.soft;
      g.textAlign = 'right';
      g.fillText(short(value), left - 6, y(value) + 4);
    }
    g.textAlign = 'right';
    g.fillText(last + ' updates', width - 8, height - 4);
    Object.keys(of).forEach(function (n) {
      g.strokeStyle = g.fillStyle = ofMember(Number(n));
      g.lineWidth = 2;
      g.beginPath();
      of[n].forEach(function (p) { g.lineTo(x(p[0]), y(p[1])); });
      g.stroke();
      const p = of[n][of[n].length - 1];
      g.beginPath();
      g.arc(x(p[0]), y(p[1]), 3, 0, 7);
      g.fill();
    });
  };

  const cell = function (text, name) {
    const td = document.createElement('td');
    td.textContent = text;
    if (name) { td.className = name; }
    return td;
  };
  const mark = function (at) {
    const made = document.createElement('i');
    made.style.background = at;
    return made;
  };
  const show = function (state) {
    $('title').textContent = state.title || 'h2oplus';
    document.title = state.title + ', ' + state.updates + ' of ' + state.total;
    $('folder').textContent = state.folder;
    const share = state.total ? state.updates / state.total : 0;
    $('progress').firstChild.style.width = 100 * share + '%';
    $('progress').setAttribute('aria-valuenow', Math.round(100 * share));
    const spent = state.spent || {};
    const total = PHASES.reduce(function (sum, p) { return sum + (spent[p[0]] || 0); }, 0);
    const rate = spent.updates_per_s ? spent.updates_per_s[1] / Math.max(state.members.length, 1) : 0;
    const left = rate > 0 ? ', about ' + duration((state.total - state.updates) / rate) + ' left' : '';
    $('facts').textContent = state.updates + ' of ' + state.total + ' updates, ' + duration(state.seconds) +
      (rate > 0 ? ', ' + rate.toFixed(0) + ' updates/s' : '') + left;
    $('phases').replaceChildren.apply($('phases'), PHASES.map(function (p) {
      const bar = document.createElement('span');
      bar.style.background = color[p[1]];
      bar.style.width = (total > 0 ? 100 * (spent[p[0]] || 0) / total : 0) + '%';
      return bar;
    }));
    $('phase-key').replaceChildren.apply($('phase-key'), PHASES.map(function (p) {
      const item = document.createElement('li');
      item.append(mark(color[p[1]]), p[0] + ' ' + (spent[p[0]] || 0).toFixed(1) + ' s');
      return item;
    }));
    members = state.members;
    $('members').replaceChildren.apply($('members'), members.map(function (member, n) {
      const row = document.createElement('tr');
      const name = cell('');
      name.append(mark(ofMember(n)), member.name);
      row.append(name, cell(member.latest === null ? '–' : member.latest.toFixed(0)),
        member.diverged === null ? cell('sound') : cell('diverged at ' + member.diverged, 'ill'));
      return row;
    }));
  };

  const ask = function (path) {
    return fetch(path).then(function (answer) {
      if (!answer.ok) { throw new Error(path + ': ' + answer.status); }
      return answer.json();
    });
  };
  const look = async function () {
    const state = await ask('/state');
    if (state.folder !== folder) { folder = state.folder; next = 0; series = {}; shown = null; }
    show(state);
    for (;;) {
      const part = await ask('/metrics?from=' + next);
      if (part.next < next) { series = {}; }
      const more = part.next !== next;
      next = part.next;
      take(part.lines);
      if (!more) { break; }
    }
    draw();
    if (state.policy !== null && state.policy !== shown) {
      shown = state.policy;
      try {
        const film = await ask('/film');
        $('player').hidden = false;
        $('film-about').textContent = film.about;
        player.load(film);
      } catch (refused) {
        $('film-about').textContent = 'The policy cannot be shown (' + refused.message + ').';
      }
    }
    document.body.dataset.seen = state.updates;
  };
  const again = function () {
    look().then(function () { setTimeout(again, EVERY); }, function () {
      const facts = $('facts');
      facts.classList.add('over');
      facts.textContent = 'The run has ended, or does not answer any more. ' + facts.textContent;
    });
  };
  metric.addEventListener('change', draw);
  new ResizeObserver(function () { if (members.length) { draw(); } }).observe(curves);
  const recolor = function () { readColors(); if (members.length) { draw(); } };
  new MutationObserver(recolor).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolor);
  readColors();
  again();
}());
