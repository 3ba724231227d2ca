// What the build resolves besides modules: the style sheet.
declare module '*.css';
