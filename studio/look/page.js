// What the page does without asking the program: light and dark, keys, help, copying, comparing, dropping anywhere.
(() => {
  if (window.eddyline) return; // the head may be put in twice
  window.eddyline = true;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (localStorage.getItem('eddyline-look') || (system.matches ? 'dark' : 'light')) === 'dark';
  const look = () => {
    if (!document.body || document.body.classList.contains('dark') === dark()) return;
    document.body.classList.toggle('dark', dark());
  };
  const name = () => {
    const button = document.querySelector('[data-act=look]');
    if (button) button.setAttribute('aria-pressed', String(dark()));
  };
  const shown = (all) => [...document.querySelectorAll(all)].find((one) => one.offsetParent !== null);
  const help = () => document.getElementById('help');

  function toggle() {
    localStorage.setItem('eddyline-look', dark() ? 'light' : 'dark');
    look();
    name();
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = Object.assign(document.createElement('textarea'), {value: text});
      document.body.append(field);
      field.select();
      document.execCommand('copy');
      field.remove();
    }
    const one = button.querySelector('[data-say]') || button; // what is said there is translated by its key
    const say = (text) => { one.dataset.say = text; one.textContent = window.eddylineSay(text); };
    if (one.dataset.say === 'Copied') return; // clicked again before it reads as it did
    const before = one.dataset.say;
    say('Copied');
    setTimeout(() => say(before), 1500);
  }

  // A file let go anywhere on the page goes to the tab that is for it; the program finds out which.
  function drop(event) {
    const file = [...(event.dataTransfer?.files || [])][0];
    if (!file || event.target.closest('.drop, [data-testid=file-upload]')) return;
    event.preventDefault();
    const field = document.querySelector('.anywhere input[type=file]');
    if (!field) return;
    const held = new DataTransfer();
    held.items.add(file);
    field.files = held.files;
    field.dispatchEvent(new Event('change', {bubbles: true}));
  }

  function walk(event) {
    const tiles = [...event.target.closest('.tiles').querySelectorAll('button')];
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const next = tiles[tiles.indexOf(event.target) + by];
    if (next) { event.preventDefault(); next.focus(); next.click(); }
  }

  document.addEventListener('click', (event) => {
    const act = event.target.closest('[data-act]')?.dataset.act;
    if (act === 'look') toggle();
    if (act === 'help') help().showModal();
    if (event.target === help()) help().close();
    const button = event.target.closest('[data-copy]');
    if (button) copy(button);
  });
  document.addEventListener('input', (event) => {
    const board = event.target.closest('.compare');
    if (board) board.style.setProperty('--cut', `${event.target.value}%`);
  });
  let going = false; // after a "g", a digit goes to a tab
  const tabs = () => [...document.querySelectorAll('.media > .tab-wrapper [role=tab]')].filter((tab) => tab.offsetParent);
  document.addEventListener('keyup', (event) => {
    const typing = event.target.matches?.('input, textarea');
    going = event.key === 'g' && !typing && !event.ctrlKey && !event.metaKey;
    if (going) setTimeout(() => { going = false; }, 1500);
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey && event.key !== 'Enter') return;
    const typing = event.target.matches('input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea');
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.target.blur?.(); // hands over what was typed
      setTimeout(() => shown('button.run')?.click(), 60);
    } else if (event.key === '/' && !typing) {
      event.preventDefault();
      shown('.field-prompt textarea, .field-text textarea')?.focus();
    } else if (going && !typing && /^[1-9]$/.test(event.key)) {
      tabs()[Number(event.key) - 1]?.click();
    } else if (event.key === 'q' && !typing) {
      document.querySelector('[data-act=queue]')?.click();
    } else if (event.key === '?' && !typing) {
      help()?.showModal();
    } else if (/^Arrow(Left|Right)$/.test(event.key) && event.target.closest('.tiles')) {
      walk(event);
    }
  }, true);
  document.addEventListener('dragover', (event) => { if (!event.target.closest?.('.drop')) event.preventDefault(); });
  document.addEventListener('drop', drop);
  system.addEventListener('change', () => { look(); name(); });
  const begin = () => {
    look();
    new MutationObserver(look).observe(document.body, {attributes: true, attributeFilter: ['class']});
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  };
  if (document.body) begin();
  else document.addEventListener('DOMContentLoaded', begin);
  document.documentElement.lang = 'en';
})();
