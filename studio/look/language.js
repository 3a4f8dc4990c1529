// Says what the program wrote in the browser's language. Gradio translates its own texts, by the same language.
(() => {
  if (window.eddylineWords) return; // the head may be put in twice
  const words = window.eddylineWords = __WORDS__;
  const root = document.documentElement;
  const language = (navigator.language || '').split('-')[0].toLowerCase();
  const table = words[language];
  if (!table) return; // English is what the page is written in
  const filled = (text, held) => {
    const values = held ? JSON.parse(held) : {};
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
  };
  function say(one) {
    const {say: text, sayAs: named, sayIn: attribute, with: held} = one.dataset;
    if (text !== undefined) {
      const now = filled(table[text] || text, held);
      if (one.textContent !== now) one.textContent = now;
    }
    if (named !== undefined) {
      const now = filled(table[named] || named, held);
      if (one.getAttribute(attribute) !== now) one.setAttribute(attribute, now);
    }
  }
  function within(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) node = node.parentElement;
    if (!node) return;
    const own = node.closest('[data-say], [data-say-as]');
    if (own) say(own);
    node.querySelectorAll('[data-say], [data-say-as]').forEach(say);
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
