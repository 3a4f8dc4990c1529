// What the fields for files share: where a file is found, how it is dropped, chosen and sent, and players that stay.
(() => {
  if (window.eddylineField) return; // the head may be put in twice

  // Where the page finds what the program names; see studio/sources.py.
  window.eddylineAddress = (value) => {
    if (value.startsWith('character:')) return `studio/characters/${encodeURIComponent(value.slice(10))}`;
    if (value.startsWith('asset:')) return `studio/assets/${value.slice(6)}/file`;
    if (value.startsWith('example:')) return `studio/examples/${encodeURIComponent(value.slice(8))}`;
    return `gradio_api/file=${value.split('/').map(encodeURIComponent).join('/')}`;
  };

  // Files that are dropped on a field or chosen in it become its value. ``parts``: its ``box``, ``file`` input and
  // ``name``, where what happens is said; Gradio's ``props``, ``upload`` and ``trigger``; ``show``, called when the value
  // has come; ``begin``, called when somebody gives a file. Returns ``say`` and ``take``.
  window.eddylineField = (element, {box, file, name, props, upload, trigger, show, begin = () => {}}) => {
    const t = (text, values) => window.eddylineSay(text, values);
    const say = (text) => { name.textContent = text; };

    // ``sent`` is called with the path before anybody hears of it.
    async function take(given, told = given?.name, sent = () => {}) {
      if (!given) return;
      say(t('Sending {file}', {file: told}));
      try {
        const {path} = await upload(given);
        sent(path);
        props.value = path;
        say(told);
        show();
        trigger('upload');
      } catch (error) {
        say(t('{file} could not be sent: {reason}', {file: told, reason: error.message || String(error)}));
      }
    }

    const give = (given) => { begin(); take(given); };
    file.addEventListener('change', () => { give(file.files[0]); file.value = ''; });
    element.addEventListener('dragover', (event) => { event.preventDefault(); box.classList.add('over'); });
    element.addEventListener('dragleave', () => box.classList.remove('over'));
    element.addEventListener('drop', (event) => {
      event.preventDefault();
      box.classList.remove('over');
      give(event.dataTransfer.files[0]);
    });
    return {say, take};
  };

  // A tag whose content lives on when the program writes the page anew: one of ``players`` for each ``data-where``, made
  // by ``make``. A player has ``take`` (of the attribute's text), ``face.root`` and ``host``; ``left`` and ``settled`` are
  // called when it has gone from the page and when it is in it again.
  window.eddylineTag = (tag, attribute, players, make, {left = () => {}, settled = () => {}} = {}) => {
    customElements.define(tag, class extends HTMLElement {
      static observedAttributes = [attribute];

      connectedCallback() {
        const {where} = this.dataset;
        if (!players.has(where)) players.set(where, make(where));
        this.player = players.get(where);
        this.player.host = this;
        // The program compares what it wrote with what is here, and takes away what it did not write.
        this.watch = new MutationObserver(() => this.hold());
        this.watch.observe(this, {childList: true});
        this.hold();
        this.hear();
      }

      disconnectedCallback() {
        this.watch.disconnect();
        const {player} = this;
        setTimeout(() => { if (player.host === this && !this.isConnected) left(player); });
      }

      attributeChangedCallback() { if (this.isConnected && this.player) this.hear(); }

      hear() { this.player.take(this.getAttribute(attribute) || ''); }

      hold() {
        const {root} = this.player.face;
        if (root.parentNode === this || this.player.host !== this) return;
        const focus = this.player.focused;
        this.append(root);
        if (focus && document.activeElement === document.body) focus.focus({preventScroll: true});
        settled(this.player);
      }
    });
  };
})();
