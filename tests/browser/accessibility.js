() => {
  const found = [];
  const shown = e => { const s = getComputedStyle(e), b = e.getBoundingClientRect();
    return s.visibility !== 'hidden' && s.display !== 'none' && b.width > 1 && b.height > 1 && b.left > -500; };
  const named = e => (e.getAttribute('aria-label') || e.getAttribute('title') || e.innerText || e.getAttribute('placeholder')
    || (e.labels && [...e.labels].map(l => l.innerText).join('')) || '').trim();
  const what = e => e.tagName.toLowerCase() + '.' + e.className + ' "' + (e.innerText || '').slice(0, 30) + '"';
  for (const e of document.querySelectorAll('a[href], button, input, select, textarea, [role=button]'))
    if (shown(e) && !e.closest('.ag-root-wrapper') && !named(e)) found.push('no name: ' + what(e));
  if (!document.documentElement.lang) found.push('no language');
  if (document.querySelectorAll('h1').length !== 1) found.push('not one main heading');
  if (!document.querySelector('main')) found.push('no main part');
  for (const e of document.querySelectorAll('canvas, svg, img'))
    if (shown(e) && !e.closest('[aria-label], [aria-hidden], [alt], button, a')) found.push('picture without words: ' + what(e));
  const rgba = c => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] === undefined ? 1 : m[3]]; };
  const light = c => { const l = c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const below = e => { for (let n = e; n; n = n.parentElement) {
      const c = getComputedStyle(n).backgroundColor;
      if (c.startsWith('rgb') && rgba(c)[3] > .95) return rgba(c); } return [255, 255, 255, 1]; };
  const walk = document.createTreeWalker(document.querySelector('.frame') ?? document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !shown(e) || e.closest('[aria-hidden], .q-icon, .comb')) continue;
    const s = getComputedStyle(e), size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && s.fontWeight >= 700);
    const [a, b] = [light(rgba(s.color)), light(below(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < (large ? 3 : 4.5)) found.push('contrast ' + ratio.toFixed(2) + ': ' + what(e));
  }
  return found;
}
