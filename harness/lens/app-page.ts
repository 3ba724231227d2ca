// The built app with what a report has in the places that it left, and the policy that lets nothing else in.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Html, html } from './html.ts';

/** Made by `npm run build` beside its sources, and copied into dist. */
const APP = new URL('../viewer/built/lens.html', import.meta.url);

export interface AppContent {
  readonly title: string;
  readonly body: Html;
  readonly data: readonly string[];
  readonly hasSideFiles: boolean;
}

/** The built app with what a report has in the places that it left. */
export function fillApp({ title, body, data, hasSideFiles }: AppContent): string {
  const app = readFileSync(APP, 'utf8');
  const parts: Readonly<Record<string, string>> = {
    policy: policyOf(app, hasSideFiles),
    title: html`<title>${title}</title>`.text,
    body: body.text,
    data: data.join('\n'),
  };
  return app.replaceAll(/<!--qp:(\w+)-->/g, (_, name: string) => parts[name] ?? '');
}

/** Nothing is loaded from anywhere, and no script runs but the app's own; scripts beside the report only where it has them. */
function policyOf(app: string, hasSideFiles: boolean): string {
  const script = /<script type="module">([\s\S]*?)<\/script>/.exec(app)?.[1] ?? '';
  const digest = createHash('sha256').update(script).digest('base64');
  const sources = [`'sha256-${digest}'`, ...(hasSideFiles ? ["'self'", 'file:'] : [])].join(' ');
  const policy = `default-src 'none'; script-src ${sources}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'`;
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
}
