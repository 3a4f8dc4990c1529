// Says what the program wrote in the browser's language. Gradio translates its own texts, by the same language.
(() => {
  if (window.eddylineWords) return; // the head may be put in twice
  const words = window.eddylineWords = __WORDS__;
  const root = document.documentElement;
  const language = (navigator.language || '').split('-')[0].toLowerCase();
  const table = words[language] || {};
  // Durations and sizes come as "3.2 s": the sign in them is the language's.
  const point = (1.5).toLocaleString(words[language] ? language : 'en')[1];
  const measured = (value) => (/^\d+\.\d+ [A-Za-z]{1,3}$/.test(value) ? value.replace('.', point) : value);
  const translated = window.eddylineSay = (text, values = {}) => (table[text] || text).replace(
    /\{(\w+)\}/g, (all, name) => (name in values ? measured(String(values[name])) : all));
  if (!words[language]) return; // English is what the page is written in
  const filled = (text, held) => translated(text, held ? JSON.parse(held) : {});
  function say(one) {
    const {say: text, sayAs: named, sayIn: attribute, with: held} = one.dataset;
    if (text !== undefined) {
      const now = filled(text, held);
      if (one.textContent !== now) one.textContent = now;
    }
    if (named !== undefined) {
      const now = filled(named, held);
      if (one.getAttribute(attribute) !== now) one.setAttribute(attribute, now);
    }
  }
  // Gradio takes the attributes off what a toast says, and names its kind in English: a sentence in one is known by its
  // words, where it has enough of its own beside what fills it.
  let forms;
  function known(text) {
    forms ||= Object.keys(table).filter((key) => key.split(/\{\w+\}/).some((part) => part.length > 14)).map((key) => [
      key, RegExp(`^${key.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, '(?<$1>.+)')}$`, 's'),
    ]);
    const [key, form] = forms.find((each) => each[1].test(text)) || [];
    return key ? translated(key, {...form.exec(text).groups}) : table[text];
  }
  function toast(one) {
    const words = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const now = known(words.currentNode.data.trim());
      if (now) words.currentNode.data = `${now} `;
    }
  }
  function within(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) node = node.parentElement;
    if (!node) return;
    const own = node.closest('[data-say], [data-say-as]');
    if (own) say(own);
    node.querySelectorAll('[data-say], [data-say-as]').forEach(say);
    node.querySelectorAll('.toast-title, [data-testid=toast-text]').forEach(toast);
  }
  // Gradio sets the document's language as well, at times to English while it speaks another; a screen reader reads by it.
  const name = () => { if (root.lang !== language) root.lang = language; };
  // Runs before the next frame is drawn: nobody sees the English come and go.
  new MutationObserver((changes) => {
    name();
    for (const each of changes) {
      if (each.type !== 'childList') within(each.target);
      else for (const node of each.addedNodes) within(node);
    }
  }).observe(root, {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['lang', 'data-say', 'data-say-as', 'data-with', 'aria-label', 'title', 'placeholder', 'alt'],
  });
  name();
  within(root);
})();
