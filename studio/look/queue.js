// The queue drawer: what runs, what waits, what has ended; the same on every tab and in every window of one person.
(() => {
  if (window.eddylineQueue) return; // the head may be put in twice
  window.eddylineQueue = true;
  const BUSY = 700, QUIET = 4000; // milliseconds between looks
  let state = {paused: false, jobs: []}, timer = 0, dragged = null, shownText = '';

  const t = (text, values) => window.eddylineSay(text, values);
  const drawer = () => document.getElementById('queue');
  const open = () => drawer() && !drawer().hidden;
  const waiting = () => state.jobs.filter((job) => job.state === 'running' || job.state === 'queued');

  function make(tag, className, text) {
    const one = document.createElement(tag);
    if (className) one.className = className;
    if (text !== undefined) one.textContent = text;
    return one;
  }

  function button(text, act, job, label) {
    const one = make('button', 'link', text);
    one.type = 'button';
    Object.assign(one.dataset, {queue: act, job: job?.id || ''});
    if (label) one.setAttribute('aria-label', label);
    return one;
  }

  // Says it in a way that the page's translation keeps: it would put the text back that the program wrote there.
  function name(one, text, values) {
    Object.assign(one.dataset, {sayAs: text, with: JSON.stringify(values)});
    one.setAttribute('aria-label', t(text, values));
  }

  async function call(path, body) {
    const options = body === undefined ? {} : {
      method: 'POST', body: JSON.stringify(body), headers: {'content-type': 'application/json', 'x-eddyline': '1'},
    };
    const answer = await fetch(`studio/${path}`, options);
    const sent = await answer.json();
    if (!answer.ok) throw new Error(sent.error || answer.statusText);
    return sent;
  }

  async function look() {
    clearTimeout(timer);
    if (!document.hidden) {
      try { take(await call('queue')); } catch { /* the server is away; the next look may find it */ }
    }
    timer = setTimeout(look, open() || waiting().length ? BUSY : QUIET);
  }

  async function act(path, body) {
    say('');
    try { take(await call(path, body)); } catch (error) { say(error.message); }
  }

  function say(text) {
    const line = drawer()?.querySelector('.said');
    if (line) line.textContent = text;
  }

  function take(found) {
    state = found;
    const badge = document.querySelector('[data-act=queue] .count');
    if (badge) {
      const count = waiting().length;
      badge.textContent = count || '';
      name(badge.parentElement, count ? 'Queue, {count} waiting' : 'Queue', {count});
    }
    const text = JSON.stringify(state);
    if (open() && text !== shownText && !dragged) { shownText = text; draw(); }
  }

  const seconds = (value) => value < 10 ? `${value.toFixed(1)} s` : value < 90 ? `${Math.round(value)} s` : `${Math.ceil(value / 60)} min`;

  function facts(job) {
    if (job.state === 'running') {
      if (job.stopping) return t('Stopping');
      const left = job.left === null ? '' : `, ${t('{time} left', {time: seconds(job.left)})}`;
      return job.total ? t('Step {done} of {total}', job) + left : t('Starting');
    }
    if (job.state === 'queued') return state.paused ? t('Held back') : job.ahead ? t('{ahead} before it', job) : t('Next');
    if (job.state === 'done') return job.took === null ? t('Done') : t('Done in {time}', {time: seconds(job.took)});
    return job.reason ? t(job.reason) : (job.state === 'failed' ? t('Failed') : t('Cancelled'));
  }

  function picture(job) {
    const frame = make('span', 'frame');
    const source = job.state === 'running' && job.preview ? `studio/jobs/${job.id}/preview?n=${job.preview}`
      : job.assets.length ? `studio/assets/${job.assets[0]}/thumbnail` : '';
    if (source) {
      const image = make('img');
      Object.assign(image, {src: source, alt: ''});
      image.addEventListener('error', () => image.remove());
      frame.append(image);
    }
    return frame;
  }

  function row(job, index, all) {
    const item = make('li', job.state);
    item.dataset.job = job.id;
    const words = make('div', 'what');
    words.append(make('p', 'title', job.from ? `${job.from} \u2192 ${job.title}` : job.title));
    words.append(make('p', 'fact', facts(job)));
    if (job.state === 'running' && job.total) {
      const meter = make('div', 'bar');
      meter.append(make('i'));
      meter.firstChild.style.width = `${100 * job.done / job.total}%`;
      words.append(meter);
    }
    const tools = make('div', 'do');
    if (job.state === 'queued') {
      item.draggable = true;
      if (index > 0) tools.append(button('\u2191', 'up', job, t('Move up: {title}', job)));
      if (index < all.length - 1) tools.append(button('\u2193', 'down', job, t('Move down: {title}', job)));
    }
    if (job.state === 'queued' || (job.state === 'running' && !job.stopping)) {
      tools.append(button(t('Cancel'), 'cancel', job, t('Cancel: {title}', job)));
    }
    if (!['queued', 'running'].includes(job.state)) {
      tools.append(button(job.state === 'done' ? t('Run again') : t('Try again'), 'again', job, t('Run again: {title}', job)));
    }
    tools.append(button(t('Settings'), 'settings', job, t('Use the settings of: {title}', job)));
    item.append(picture(job), words, tools);
    return item;
  }

  function draw() {
    const held = document.activeElement?.closest?.('#queue [data-queue]');
    const focus = held && [held.dataset.queue, held.dataset.job];
    const groups = [['Running', 'running'], ['Waiting', 'queued'], ['Ended', 'done failed cancelled']];
    const list = drawer().querySelector('.jobs');
    list.replaceChildren(...groups.flatMap(([title, states]) => {
      const jobs = state.jobs.filter((job) => states.split(' ').includes(job.state));
      if (!jobs.length) return [];
      const group = make('ul');
      group.setAttribute('aria-label', t(title));
      group.append(...jobs.map(row));
      return [make('h3', '', `${t(title)} (${jobs.length})`), group];
    }));
    if (!state.jobs.length) list.append(make('p', 'none', t('Nothing is running and nothing waits.')));
    drawer().querySelector('[data-queue=pause]').textContent = state.paused ? t('Go on') : t('Pause');
    drawer().querySelector('[data-queue=pause]').setAttribute('aria-pressed', String(state.paused));
    if (focus) drawer().querySelector(`[data-queue="${focus[0]}"][data-job="${focus[1]}"]`)?.focus();
  }

  function toggle(on) {
    if (!drawer()) return;
    drawer().hidden = !on;
    document.querySelector('[data-act=queue]')?.setAttribute('aria-expanded', String(on));
    if (on) { shownText = ''; draw(); look(); drawer().querySelector('button').focus(); }
    else document.querySelector('[data-act=queue]')?.focus();
  }

  const queued = () => state.jobs.filter((job) => job.state === 'queued').map((job) => job.id);
  const moves = {
    up: (job) => { const ids = queued(); return {before: ids[ids.indexOf(job) - 1]}; },
    down: (job) => { const ids = queued(); return {before: ids[ids.indexOf(job) + 2] ?? null}; },
  };

  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-act=queue]')) { toggle(!open()); return; }
    const one = event.target.closest('[data-queue]');
    if (!one) return;
    const {queue: what, job} = one.dataset;
    if (what === 'close') toggle(false);
    else if (what === 'settings') { dispatchEvent(new CustomEvent('eddyline-job', {detail: job})); toggle(false); }
    else if (what === 'pause') act('queue/pause', {on: !state.paused});
    else if (what === 'forget') act('queue/forget', {});
    else if (moves[what]) act(`queue/${job}/move`, moves[what](job));
    else act(`queue/${job}/${what}`, {});
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && open() && event.target.closest('#queue')) toggle(false);
  });
  document.addEventListener('dragstart', (event) => {
    const item = event.target.closest?.('#queue li.queued');
    if (!item) return;
    dragged = item;
    event.dataTransfer.effectAllowed = 'move';
    item.classList.add('dragged');
  });
  document.addEventListener('dragover', (event) => {
    const over = dragged && event.target.closest?.('#queue li.queued');
    if (!over || over === dragged) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    over.parentElement.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
  });
  document.addEventListener('dragend', (event) => {
    if (!dragged) return;
    const job = dragged.dataset.job, before = dragged.nextElementSibling?.dataset.job ?? null;
    const dropped = event.dataTransfer.dropEffect !== 'none'; // Escape puts it back
    dragged.classList.remove('dragged');
    dragged = null;
    if (dropped) act(`queue/${job}/move`, {before});
    else { shownText = ''; draw(); }
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
  document.addEventListener('click', (event) => {
    if (event.target.closest('button.run, button.more, button.halt')) setTimeout(look, 150);
  });
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', look);
  else look();
})();
