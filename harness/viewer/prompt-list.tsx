// All prompts of the run, by case and variant, the failing ones marked; a link each.
import { promptLabel } from '../record/token-record.ts';
import { formatPcc } from '../report/format.ts';
import { lensFragment } from '../report/lens-link.ts';
import { openSequence } from './moves.ts';
import type { Report, Sequence } from './report.ts';
import { place } from './state.ts';

const MARKS: Readonly<Record<string, string>> = { pass: '✓', fail: '✕', invalid: '⊘', notRun: '–' };

export function PromptList({ report }: { readonly report: Report }) {
  const groups = new Map<string, Sequence[]>();
  for (const one of report.sequences) {
    const name = one.of.name === one.on.name ? one.of.name : `${one.of.name} · ${one.on.name}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return (
    <nav class="prompts" aria-label="Prompts">
      {[...groups].map(([name, all]) => (
        <section key={name}>
          <h2>
            <bdi>{name}</bdi>
          </h2>
          <ul>
            {all.map((one) => (
              <li key={one.index} class={one.outcome}>
                <a
                  href={lensFragment({ case: one.of.name, variant: one.on.name, prompt: one.prompt, user: one.user })}
                  aria-current={place.value?.sequence === one.index ? 'true' : undefined}
                  onClick={(event) => {
                    event.preventDefault();
                    openSequence(report, one.index);
                  }}
                >
                  <span class="mark" role="img" aria-label={one.outcome}>
                    {MARKS[one.outcome] ?? '–'}
                  </span>
                  <bdi class="name">{promptLabel(one)}</bdi>
                  <span class="n" title="failing tokens">
                    {one.failing === 0 ? '' : one.failing}
                  </span>
                  <span class="n" title="lowest PCC">
                    {formatPcc(one.pccMin)}
                  </span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  );
}
