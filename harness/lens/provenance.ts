// Where a report's numbers come from: tool, machine, both sides with digests and settings, and the command that repeats them.
import type { SourceInfo } from '../../src/device/logits-source.ts';
import type { RunRecord } from '../record/run-record.ts';
import { formatBytes, formatDuration } from '../report/format.ts';
import { type Html, type HtmlPart, html } from './html.ts';

export function provenance(run: RunRecord): Html {
  const { tool, environment, config } = run;
  const facts: [string, HtmlPart][] = [
    [
      'run',
      `${run.runId}, begun ${run.startedAt}${run.durationMs === null ? '' : `, took ${formatDuration(run.durationMs)}`}`,
    ],
    ['tool', `${tool.name} ${tool.version}${tool.gitSha === null ? '' : `, commit ${tool.gitSha}`}`],
    [
      'judged by',
      `PCC semantics ${config.pccSemantics}, minimum ${config.pccMinimum}; ${config.mode === 'teacherForced' ? 'teacher forcing: both sides get the same tokens' : 'free running'}`,
    ],
    ['limits', `${config.maxNewTokens} new tokens at most, ${config.maxSeqLen} positions at most`],
    [
      'machine',
      `${environment.os}, ${environment.cpu}, ${environment.threads} threads, ${formatBytes(environment.memoryBytes)}, Node ${environment.node}`,
    ],
    [
      'packages',
      Object.entries(environment.packages)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ...run.notes.map((note): [string, HtmlPart] => ['note', note]),
  ];
  for (const one of run.cases) {
    if (one.reference !== null) facts.push([`${one.name}: reference`, sideOf(one.reference)]);
    for (const variant of one.variants) {
      if (variant.source !== null) facts.push([`${one.name}: ${variant.name}`, sideOf(variant.source)]);
    }
  }
  return html`<h2>Repeat</h2>
<p><code class="command" id="repeat">${run.command}</code></p>
<h2>Provenance</h2>
<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>`;
}

function sideOf(source: SourceInfo): Html {
  const settings = Object.entries(source.settings).map(([name, value]) => `${name}=${value}`);
  return html`${source.label}, ${source.model}, logits ${source.logitsFormat}<br>weights sha256 <code>${source.weightsSha256}</code>${
    source.configSha256 === undefined ? null : html`<br>config sha256 <code>${source.configSha256}</code>`
  }${
    settings.length === 0
      ? null
      : html`<details><summary>${settings.length} settings</summary><p class="settings">${settings.map((text) => html`<code>${text}</code> `)}</p></details>`
  }`;
}
