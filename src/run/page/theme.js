'use strict';
// A switch between light and dark, which the browser remembers.
(function () {
  const root = document.documentElement;
  const remember = function (theme) {
    // A browser may refuse to remember anything of a local file.
    try { localStorage.setItem('h2oplus-theme', theme); } catch (refused) { return; }
  };
  const remembered = function () {
    try { return localStorage.getItem('h2oplus-theme'); } catch (refused) { return null; }
  };
  const isDark = function () {
    const chosen = root.dataset.theme;
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  };
  const button = document.getElementById('theme');
  const show = function () {
    button.textContent = isDark() ? 'light' : 'dark';
    button.setAttribute('aria-label', 'Switch to ' + button.textContent + ' colours');
  };
  const before = remembered();
  if (before === 'dark' || before === 'light') { root.dataset.theme = before; }
  button.addEventListener('click', function () {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    remember(root.dataset.theme);
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  show();
}());
