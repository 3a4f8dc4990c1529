// Says what the program wrote in the browser's language. Gradio sets the document's lang; its own texts it translates itself.
(() => {
  if (window.eddylineWords) return; // the head may be put in twice
  const words = window.eddylineWords = __WORDS__;
  const root = document.documentElement;
  const table = () => words[root.lang] || words[root.lang.split('-')[0]] || {};
  const filled = (text, held) => {
    const values = held ? JSON.parse(held) : {};
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
  };
  function say(one) {
    const {say: text, sayAs: named, sayIn: attribute, with: held} = one.dataset;
    if (text !== undefined) {
      const now = filled(table()[text] || text, held);
      if (one.textContent !== now) one.textContent = now;
    }
    if (named !== undefined) {
      const now = filled(table()[named] || named, held);
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
  // Runs before the next frame is drawn: nobody sees the English come and go.
  new MutationObserver((changes) => {
    if (changes.some((each) => each.target === root && each.attributeName === 'lang')) return within(root);
    for (const each of changes) {
      if (each.type !== 'childList') within(each.target);
      else for (const node of each.addedNodes) within(node);
    }
  }).observe(root, {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['lang', 'data-say', 'data-say-as', 'data-with', 'aria-label', 'title', 'placeholder', 'alt'],
  });
  within(root);
})();
