// The bar at the top: the verdict in two words, the two views, search, keys; and the line that says what just happened.
import { useEffect, useState } from 'preact/hooks';
import { lensFragment } from '../report/lens-link.ts';
import { KEYS } from './keys.ts';
import { toFailing } from './moves.ts';
import type { Report } from './report.ts';
import { type Found, search } from './search.ts';
import { isHelpOpen, isSearching, notice, PAGES, page, pageLink, place } from './state.ts';

const STATUS_MARKS: Readonly<Record<string, string>> = {
  pass: '✓ Pass',
  fail: '✕ Fail',
  invalid: '⊘ Invalid',
  error: '! Error',
};

export function Bar({ report }: { readonly report: Report | undefined }) {
  const shown = place.value === null ? page.value : 'tokens';
  return (
    <>
      <div class="bar">
        <b class="name">qwen-pcc</b>
        {report === undefined ? null : (
          <>
            <span class={`chip ${report.head.status}`}>
              {document.getElementById('comparison') !== null && report.head.status === 'pass'
                ? '✓ Compared'
                : (STATUS_MARKS[report.head.status] ?? report.head.status)}
            </span>
            <nav aria-label="Views">
              {PAGES.filter((name) => document.getElementById(name)).map((name) => (
                <a key={name} href={pageLink(name)} aria-current={shown === name ? 'page' : undefined}>
                  {name === 'verdict' ? 'Verdict' : 'Comparison'}
                </a>
              ))}
              <a href={tokensLink(report)} aria-current={shown === 'tokens' ? 'page' : undefined}>
                Tokens
              </a>
            </nav>
            <Search report={report} />
            <span class="buttons">
              <button
                type="button"
                title="previous failing token (p)"
                aria-label="previous failing token"
                onClick={() => toFailing(report, -1)}
              >
                ◂
              </button>
              <button type="button" title="next failing token (n)" onClick={() => toFailing(report, 1)}>
                next failing ▸
              </button>
              <button
                type="button"
                aria-label="keys"
                title="keys (?)"
                aria-expanded={isHelpOpen.value ? 'true' : 'false'}
                onClick={() => {
                  isHelpOpen.value = !isHelpOpen.value;
                }}
              >
                ?
              </button>
            </span>
          </>
        )}
      </div>
      <p class="notice" role="status">
        {notice.value}
      </p>
      {isHelpOpen.value ? <Help /> : null}
    </>
  );
}

/** To the first failing token of the run, else to its first prompt. */
function tokensLink({ sequences }: Report): string {
  const { of, on, prompt, user } = sequences.find(({ failing }) => failing > 0) ?? sequences[0]!;
  return lensFragment({ case: of.name, variant: on.name, prompt, user });
}

function Search({ report }: { readonly report: Report }) {
  const [query, setQuery] = useState('');
  const [found, setFound] = useState<Found | undefined>(undefined);
  const [at, setAt] = useState(-1);
  useEffect(() => {
    let isWanted = true;
    void search(report, query).then((result) => {
      if (!isWanted) return;
      setFound(query.trim() === '' ? undefined : result);
      setAt(-1);
    });
    return () => {
      isWanted = false;
    };
  }, [query]);
  const goTo = (step: number): void => {
    if (found === undefined || found.places.length === 0) return;
    const next = (at + step + found.places.length) % found.places.length;
    setAt(next);
    place.value = found.places[next]!;
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        goTo(1);
      }}
    >
      <input
        id="search"
        type="search"
        placeholder="/ text, id, pcc<0.9, kl>0.1"
        aria-label="Search tokens: text, id, or a condition such as pcc<0.9"
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && event.shiftKey) {
            event.preventDefault();
            goTo(-1);
          }
          if (event.key === 'Escape') {
            isSearching.value = false;
            event.currentTarget.blur();
          }
        }}
      />
      <span class="count" role="status">
        {found === undefined ? '' : found.total === 0 ? 'nothing' : `${at < 0 ? '' : `${at + 1} of `}${found.total}`}
      </span>
    </form>
  );
}

const KEY_NAMES: Readonly<Record<string, string>> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  V: '⇧v',
  D: '⇧d',
  Escape: 'Esc',
  N: '⇧n',
  P: '⇧p',
};

function Help() {
  return (
    <section class="help" aria-label="Keys">
      <table>
        <tbody>
          {KEYS.map(({ keys, does }) => (
            <tr key={does}>
              <th scope="row">
                {keys.map((key) => (
                  <kbd key={key}>{KEY_NAMES[key] ?? key}</kbd>
                ))}
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <button
        type="button"
        onClick={() => {
          isHelpOpen.value = false;
        }}
      >
        Close
      </button>
    </section>
  );
}
