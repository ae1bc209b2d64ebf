import '@fontsource-variable/inter/wght.css';
import './ui/tokens.css';
import './ui/base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { AppModel } from './app/app.svelte.ts';
import { MediaModel } from './app/media.svelte.ts';

const target = document.getElementById('app');
if (target !== null) {
  const media = new MediaModel(window.conclave);
  mount(App, { target, props: { app: new AppModel(window.conclave), media } });
}
