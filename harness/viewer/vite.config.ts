// Builds the token lens into one file, lens.html, that a report fills with its data: script and style inline, nothing to load.
import { defineConfig, type Plugin, type UserConfig } from 'vite';

/** Puts the one script and the one style sheet into the page. */
function intoOneFile(): Plugin {
  return {
    name: 'qwen-pcc:into-one-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const files = Object.values(bundle);
      const page = files.find((file) => file.fileName.endsWith('.html'));
      if (page?.type !== 'asset') throw new Error('the build made no page');
      let text = String(page.source);
      for (const file of files) {
        if (file === page) continue;
        const content = file.type === 'chunk' ? file.code.trim() : String(file.source).trim();
        if (/<\/(script|style)/i.test(content)) throw new Error(`${file.fileName} would end its own element`);
        const tag = new RegExp(`<(?:script|link)[^>]*${file.fileName.replaceAll(/[.]/g, '\\.')}"[^>]*>(?:</script>)?`);
        if (!tag.test(text)) throw new Error(`the page does not name ${file.fileName}`);
        text = text.replace(tag, () => (file.type === 'chunk' ? '' : `<style>${content}</style>`));
        if (file.type === 'chunk') text = text.replace('<!--app-->', () => `<script type="module">${content}</script>`);
        delete bundle[file.fileName];
      }
      page.source = text;
      page.fileName = 'lens.html';
    },
  };
}

const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  base: './',
  logLevel: 'warn',
  plugins: [intoOneFile()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'built',
    emptyOutDir: false,
    target: 'es2022',
    cssMinify: true,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { entryFileNames: 'lens.js', assetFileNames: 'lens[extname]', codeSplitting: false } },
  },
});

export default config;
