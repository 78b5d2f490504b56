'use strict';
// The page works without this: it adds filters of long tables.
(function () {
  document.querySelectorAll('.filter').forEach(function (input) {
    const rows = input.parentElement.querySelectorAll('.filtered tbody tr');
    input.addEventListener('input', function () {
      const words = input.value.toLowerCase().split(' ');
      rows.forEach(function (row) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
      });
    });
  });
}());
