// report.html of a run that could not start: the cause and the command, in the clothes of any other report.
import type { Failure } from '../record/events.ts';
import { fillApp } from './app-page.ts';
import { html } from './html.ts';

export function unstartedPage({ code, message }: Failure, command: string): string {
  return fillApp({
    title: 'Error · the run did not start · qwen-pcc',
    body: html`<section id="verdict" class="verdict error" aria-labelledby="verdict-title">
<p class="badge"><span aria-hidden="true">!</span> Error</p>
<h1 id="verdict-title">The run did not start: no token was compared.</h1>
<pre class="cause">${code}: ${message}</pre>
<h2>Repeat</h2>
<p><code class="command" id="repeat">${command}</code></p>
</section>`,
    data: [],
    hasSideFiles: false,
  });
}
