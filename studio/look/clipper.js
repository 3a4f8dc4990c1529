// The field for a clip: dropped, chosen or handed over by another part of the page; sent to the program as an upload.
const held = element.querySelector('.held'), shown = element.querySelector('eddy-clip'), name = element.querySelector('.name');
const file = element.querySelector('input[type=file]'), box = element.querySelector('.clipper');
const clear = element.querySelector('[data-clipper=clear]');
const {say} = window.eddylineField(element, {box, file, name, props, upload, trigger, show});

function show() {
  const value = props.value || '';
  held.hidden = clear.hidden = !value;
  box.classList.toggle('full', Boolean(value));
  shown.dataset.clip = value
    ? JSON.stringify({run: value, src: `studio/frames?name=${encodeURIComponent(value)}`, film: window.eddylineAddress(value)}) : '';
  if (!value) say('');
}

clear.addEventListener('click', () => { props.value = ''; show(); trigger('select', {start: null, end: null}); trigger('clear'); });
element.addEventListener('eddyline-span', (event) => trigger('select', event.detail));
watch('value', show);
show();
