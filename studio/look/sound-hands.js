// What a person does with a player: pointer, keys and buttons.
(() => {
  const sound = window.eddylineSound;
  if (sound.hands) return; // the head may be put in twice
  const DRAG = 5; // pixels that a click may wander

  sound.hands = (player) => {
    const {face, deck} = player, {scope} = face;
    let from = null; // where the pointer went down

    const at = (event) => {
      const box = scope.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * deck.seconds;
    };
    scope.addEventListener('pointerdown', (event) => {
      if (event.button || !deck.frames) return;
      scope.setPointerCapture(event.pointerId);
      from = {x: event.clientX, at: at(event), dragged: false};
    });
    scope.addEventListener('pointermove', (event) => {
      if (!from || (!from.dragged && Math.abs(event.clientX - from.x) < DRAG)) return;
      from.dragged = true;
      const here = at(event);
      player.pick({start: Math.min(from.at, here), end: Math.max(from.at, here)});
    });
    scope.addEventListener('pointerup', (event) => {
      if (!from) return;
      const {dragged} = from;
      from = null;
      if (!dragged) { deck.seek(at(event)); return; }
      deck.seek(player.mark.start);
      player.picked();
    });
    scope.addEventListener('pointercancel', () => { from = null; });

    function ends(which) {
      const here = deck.now, mark = player.mark || {start: 0, end: deck.seconds};
      const next = which === 'start' ? {start: here, end: mark.end} : {start: mark.start, end: here};
      if (next.end - next.start < 0.01) return;
      player.pick(next);
      player.picked();
    }
    function clear() {
      if (!player.mark) return;
      player.pick(null);
      player.picked();
    }
    const step = (event) => (event.shiftKey ? 0.1 : Math.max(0.5, Math.min(5, deck.seconds / 20)));
    const keys = {
      ' ': () => player.toggle(),
      Enter: () => player.toggle(),
      ArrowRight: (event) => deck.seek(deck.now + step(event)),
      ArrowLeft: (event) => deck.seek(deck.now - step(event)),
      Home: () => deck.seek(0),
      End: () => deck.seek(deck.seconds),
      '[': () => ends('start'),
      ']': () => ends('end'),
      Escape: clear,
    };
    scope.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || !keys[event.key] || !deck.frames) return;
      event.preventDefault();
      keys[event.key](event);
    });

    face.play.addEventListener('click', () => player.toggle());
    face.before.addEventListener('click', () => player.swap('before'));
    face.after.addEventListener('click', () => player.swap('after'));
    face.cut.addEventListener('click', () => player.save());
    face.clear.addEventListener('click', clear);
    face.repeat.addEventListener('click', () => { deck.setRepeat(!deck.repeat); player.tell(); });
    face.volume.addEventListener('input', () => player.like({volume: Number(face.volume.value)}));
    for (const [name, one] of Object.entries(face.layers)) {
      one.addEventListener('click', () => {
        const on = one.getAttribute('aria-pressed') !== 'true';
        const others = Object.entries(face.layers).some(([other, each]) => other !== name && each.getAttribute('aria-pressed') === 'true');
        if (on || others) player.like({[name]: on}); // something is always drawn
      });
    }
    face.root.addEventListener('focusin', (event) => { player.focused = event.target; });
    face.root.addEventListener('focusout', () => { if (face.root.isConnected) player.focused = null; });
  };
})();
