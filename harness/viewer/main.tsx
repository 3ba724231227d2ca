// Starts the lens: opens the report's data, follows the address, and draws over the plain verdict.
import './style/base.css';
import './style/verdict.css';
import './style/comparison.css';
import './style/bar.css';
import './style/overview.css';
import './style/workbench.css';
import './style/text.css';
import './style/pane.css';
import './style/media.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { Bar } from './bar.tsx';
import { listenToKeys } from './keys.ts';
import { OverviewMap } from './overview-map.tsx';
import { Report } from './report.ts';
import { firstPage, follow, fragmentOf, page, pageLink, place, tab } from './state.ts';
import { Workbench } from './workbench.tsx';

/** Moving on fast writes no address a token: browsers stop listening to pages that do. */
const ADDRESS_DELAY_MS = 150;

async function start(): Promise<void> {
  const report = await Report.open();
  render(<Bar report={report} />, document.getElementById('bar')!);
  if (report !== undefined) await begin(report);
  document.documentElement.dataset['ready'] = 'yes';
}

/** @param report - with at least one token. */
async function begin(report: Report): Promise<void> {
  const overview = document.getElementById('overview-place');
  if (overview !== null) render(<OverviewMap report={report} />, overview);
  page.value = firstPage();
  await follow(report, location.hash);
  render(<Workbench report={report} />, document.getElementById('lens')!);
  let written = location.hash;
  window.addEventListener('hashchange', () => {
    if (location.hash !== written) void follow(report, location.hash);
    written = location.hash;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const at = place.value;
    const shown = at === null ? page.value : 'tokens';
    if (document.body.dataset['view'] !== shown) {
      document.body.dataset['view'] = shown;
      window.scrollTo(0, 0);
    }
    void tab.value;
    clearTimeout(timer);
    timer = setTimeout(() => void writeAddress(), at === null ? 0 : ADDRESS_DELAY_MS);
  });
  listenToKeys(report);

  async function writeAddress(): Promise<void> {
    const at = place.value;
    if (at === null) {
      if (location.hash.startsWith('#/')) setHash(pageLink(page.value));
      return;
    }
    const { position } = await report.spine(report.sequences[at.sequence]!);
    if (place.value === at) setHash(fragmentOf(report, at, position[at.token]!));
  }

  function setHash(hash: string): void {
    if (location.hash === hash) return;
    written = hash;
    location.replace(hash);
    written = location.hash;
  }
}

void start();
