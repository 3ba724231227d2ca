// Recordings as people have them: files that NumPy and PyTorch wrote, and every layout of axes, give the same rows.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type TensorToWrite, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { EXIT_CODES, InputError } from '../../errors.ts';
import { npyBytes, zipBytes } from './npy.fixture.ts';
import { B, floats, idsOf, integers, rowOf, rowsRead, rowsWanted, T, V, value } from './recorded-rows.fixture.ts';
import { openRecording, type Recording } from './recording.ts';

const FIXTURES = join(import.meta.dirname, '../../../fixtures/recordings');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-forms-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let files = 0;

function expectRows(recording: Recording, users?: readonly number[]): void {
  expect(rowsRead(recording)).toEqual(rowsWanted(recording, users));
}

const open = (name: string): Recording => openRecording(join(FIXTURES, name));

describe('files that NumPy and PyTorch wrote', () => {
  it('one prompt in an .npz', () => {
    const recording = open('one-prompt.npz');
    expectRows(recording, [0]);
    const [only] = recording.prompts;
    expect(only).toMatchObject({ name: 'one-prompt', isNamed: false, promptLength: 4, user: 0 });
    expect([...only!.positions]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(recording.metadata['label']).toBe('card 3, firmware 19.4');
    expect(recording.rowCount).toBe(T);
    expect(recording.notes).toEqual([]);
  });

  it("a model's output with its batch axis of 1, bfloat16, without positions", () => {
    const recording = open('model-output.safetensors');
    expectRows(recording, [0]);
    expect(recording.prompts[0]).toMatchObject({ name: 'call-me-ishmael', isNamed: true, logitsDtype: 'BF16' });
  });

  it('several prompts with some positions each', () => {
    const recording = open('decode-only.safetensors');
    expectRows(recording);
    expect(recording.prompts.map(({ name, positions }) => [name, ...positions])).toEqual([
      ['first', 3, 4, 5],
      ['second', 3, 4, 5],
    ]);
    expect(recording.rowCount).toBe(6);
  });

  it('a left-padded batch of float64, compressed: unpadded by the mask', () => {
    const recording = open('left-padded-batch.npz');
    expectRows(recording);
    expect(recording.prompts.map(({ name, prompt, user }) => [name, prompt, user])).toEqual([
      ['shared', 'shared', 0],
      ['shared[1]', 'shared', 1],
      ['shared[2]', 'shared', 2],
    ]);
    expect(recording.find('shared', 1)).toBe(recording.prompts[1]);
    expect(recording.find('shared')).toBe(recording.prompts[0]);
    expect(recording.find('shared', 3)).toBeUndefined();
    expect(recording.notes).toContain('float64 logits were rounded to float32');
    expect(recording.notes).toContain('2 tokens of padding were cut off shared');
  });

  it('a file a step with the tiles of tt-metal: rows beyond the users belong to none, and that is said', () => {
    const recording = open('tiles-a-step');
    expectRows(recording);
    expect(recording.notes).toEqual([expect.stringContaining('rows 3 … 31 of each tile belong to no user')]);
  });

  it('column-major bits of bfloat16 with a recording.json', () => {
    const recording = open('bfloat16-bits');
    expectRows(recording, [0]);
    const [only] = recording.prompts;
    expect(only).toMatchObject({ name: 'only', promptLength: 4 });
    expect(only!.readTap('norm.out', 3)).toBeUndefined();
    expect(only!.readTap('norm.out', 5)).toEqual(rowOf(0, 5).subarray(0, 8));
    expect(recording.logitsFormat).toBe('BF16');
    expect(recording.notes).toEqual(['16-bit integers were read as the bits of bfloat16']);
  });

  it('U32 and U16 ids, float16, and the two bytes without a type that NumPy makes of bfloat16', () => {
    expectRows(open('types.npz'), [0, 0]);
  });

  it.each([
    { file: 'logits.pt', what: 'a PyTorch file', line: 'torch.load("logits.pt"' },
    { file: 'dict.pt', what: 'a PyTorch file', line: 'torch.load("dict.pt"' },
    { file: 'old.pt', what: 'a PyTorch file', line: 'torch.load("old.pt"' },
    { file: 'dict.pkl', what: 'a Python pickle', line: 'pickle.load(open("dict.pkl", "rb"))' },
    { file: 'lone-logits.npy', what: 'a single NumPy array', line: 'numpy.load("lone-logits.npy")' },
  ])('$file is said to be $what, with the lines that convert it', ({ file, what, line }) => {
    const refusal = expect.objectContaining({
      code: 'RECORDING_FOREIGN',
      exitCode: EXIT_CODES.usage,
      message: expect.stringContaining(what),
      hint: expect.stringContaining(line),
    });
    expect(() => open(file)).toThrow(refusal);
  });

  it('hands rows and taps out as ndarray views', () => {
    const [only] = open('bfloat16-bits').prompts;
    const logits = only!.logits();
    expect(logits.shape).toEqual([T, V]);
    expect(logits.transpose(1, 0).get(7, 5)).toBe(rowOf(0, 5)[7]);
    expect(only!.tap('norm.out')!.shape).toEqual([2, 8]);
    expect(only!.tap('norm.out')!.get(1, 3)).toBe(rowOf(0, 5)[3]);
    expect(only!.tap('layers.0.out')).toBeUndefined();
  });
});

describe('the examples of docs/recordings.md', () => {
  it('are those that made the fixtures', () => {
    const recipe = readFileSync(join(FIXTURES, 'make_recordings.py'), 'utf8');
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/recordings.md'), 'utf8');
    const examples = [...docs.matchAll(/```python\n(.*?)```/gs)].map(([, code]) => code!);
    expect(examples.length).toBeGreaterThan(3);
    expect(examples.filter((code) => !recipe.includes(code))).toEqual([]);
  });
});

describe('layouts of axes', () => {
  function record(...tensors: TensorToWrite[]): string {
    const path = join(scratch, `${files++}.safetensors`);
    writeSafetensors(path, tensors);
    return path;
  }

  const batchIds = integers(
    'input_ids',
    [B, T],
    [0, 1, 2].flatMap((user) => idsOf(user)),
  );
  const oneIds = integers('input_ids', [T], idsOf(0));

  it.each([
    { name: '[T, V]', logits: floats([T, V], (p, c) => value(0, p, c)) },
    { name: '[1, T, V]', logits: floats([1, T, V], (_, p, c) => value(0, p, c)) },
    { name: '[1, 1, T, V]', logits: floats([1, 1, T, V], (_, _1, p, c) => value(0, p, c)) },
    { name: '[T, 1, V]', logits: floats([T, 1, V], (p, _, c) => value(0, p, c)) },
    { name: '[T, 1, 32, V]', logits: floats([T, 1, 32, V], (p, _, r, c) => (r === 0 ? value(0, p, c) : 7)) },
    {
      name: '[1, 1, 32, V] of a prefill',
      logits: floats([1, 1, 32, V], (_, _1, p, c) => (p < T ? value(0, p, c) : 7)),
    },
  ])('one user: $name', ({ logits }) => {
    expectRows(openRecording(record(oneIds, logits)), [0]);
    expectRows(openRecording(record(integers('input_ids', [1, 1, T], idsOf(0)), logits)), [0]);
  });

  it.each([
    { name: '[B, T, V]', logits: floats([B, T, V], (u, p, c) => value(u, p, c)) },
    { name: '[1, B, T, V]', logits: floats([1, B, T, V], (_, u, p, c) => value(u, p, c)) },
    { name: '[T, B, V]', logits: floats([T, B, V], (p, u, c) => value(u, p, c)) },
    { name: '[T, 1, 1, 32, V]', logits: floats([T, 1, 1, 32, V], (p, _, _1, r, c) => (r < B ? value(r, p, c) : 7)) },
  ])('a batch: $name', ({ logits }) => {
    expectRows(openRecording(record(batchIds, logits)));
  });

  it('ids, positions and masks with axes of length 1 between', () => {
    const path = record(
      integers('input_ids', [B, 1, T], [0, 1, 2].flatMap(idsOf)),
      integers('positions', [1, T], [0, 1, 2, 3, 4, 5]),
      integers('attention_mask', [B, 1, 1, T], Array(B * T).fill(1)),
      floats([B, T, V], (u, p, c) => value(u, p, c)),
    );
    expectRows(openRecording(path));
  });

  it.each(['U16', 'I16'] as const)('the bits of bfloat16 as %s', (dtype) => {
    const bits = new Uint16Array(new Float32Array(Array.from({ length: T }, (_, p) => [...rowOf(0, p)]).flat()).buffer);
    const high = bits.filter((_, i) => i % 2 === 1);
    expectRows(openRecording(record(oneIds, { name: 'logits', dtype, shape: [T, V], data: high })), [0]);
  });

  it('one decode step of 32 users', () => {
    const users = Array.from({ length: 32 }, (_, user) => user);
    const path = record(
      integers('input_ids', [32, T], users.flatMap(idsOf)),
      integers('positions', [1], [T - 1]),
      floats([1, 1, 32, V], (_, _1, u, c) => value(u, T - 1, c)),
    );
    const recording = openRecording(path);
    expectRows(recording, users);
    expect(recording.prompts[31]).toMatchObject({ user: 31, positions: Int32Array.of(T - 1) });
  });

  it('32 users who share one list of ids', () => {
    const path = record(
      oneIds,
      floats([32, T, V], (u, p, c) => value(u, p, c)),
    );
    const recording = openRecording(path);
    expect(recording.prompts).toHaveLength(32);
    expect(recording.prompts[9]!.readLogits(4)).toEqual(rowOf(9, 4));
    expect(recording.prompts[9]!.name).toMatch(/\[9\]$/);
  });

  it('as many users as positions: users first, and that is said', () => {
    const ids = integers(
      'input_ids',
      [B, B],
      [0, 1, 2].flatMap((user) => idsOf(user).slice(0, B)),
    );
    const recording = openRecording(
      record(
        ids,
        floats([B, B, V], (u, p, c) => value(u, p, c)),
      ),
    );
    expect(recording.prompts[2]!.readLogits(1)).toEqual(rowOf(2, 1));
    expect(recording.notes).toEqual([expect.stringContaining('was read as [users, positions, V]')]);
  });

  it('right padding, and users of different lengths', () => {
    const path = record(
      batchIds,
      integers('attention_mask', [B, T], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0]),
      integers('prompt_length', [1], [5]),
      floats([B, T, V], (u, p, c) => value(u, p, c)),
    );
    const recording = openRecording(path);
    expect(recording.prompts.map(({ inputIds, promptLength }) => [inputIds.length, promptLength])).toEqual([
      [6, 5],
      [4, 4],
      [1, 1],
    ]);
  });

  it('a mask that leaves a user no token is refused: its rows would go unjudged', () => {
    const path = record(
      batchIds,
      integers('attention_mask', [B, T], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]),
      floats([B, T, V], (u, p, c) => value(u, p, c)),
    );
    expect(() => openRecording(path)).toThrow(
      expect.objectContaining({
        code: 'RECORDING_MASK',
        exitCode: EXIT_CODES.usage,
        message: expect.stringMatching(
          /attention_mask of \d+\[1\] {2}found 0 for all 6 tokens, wanted a 1 for at least one token of each user/,
        ),
        hint: expect.stringContaining('used = attention_mask.any(axis=-1)'),
      }),
    );
  });

  it('a prompt length for each user', () => {
    const path = record(
      batchIds,
      integers('prompt_length', [B], [2, 3, 6]),
      floats([B, T, V], (u, p, c) => value(u, p, c)),
    );
    expect(openRecording(path).prompts.map(({ promptLength }) => promptLength)).toEqual([2, 3, 6]);
    const wrong = record(
      batchIds,
      integers('prompt_length', [2], [2, 3]),
      floats([B, T, V], () => 1),
    );
    expect(() => openRecording(wrong)).toThrow(
      /prompt_length {2}found 2 of them, wanted one, or one for each of 3 users/,
    );
  });

  it('a generated token that was never fed is left out, and that is said', () => {
    const path = record(
      oneIds,
      integers('positions', [2], [3, 4]),
      floats([2, V], (r, c) => value(0, 3 + r, c)),
    );
    const recording = openRecording(path);
    expect([...recording.prompts[0]!.inputIds]).toEqual(idsOf(0).slice(0, 5));
    expect(recording.notes).toEqual([expect.stringContaining('generated, not fed')]);
  });

  it('tells in one message all that does not fit, with the lines that repair it', () => {
    const path = record(
      { name: 'input_ids', dtype: 'F32', shape: [T], data: new Float32Array(T) },
      integers('logits', [T, V], Array(T * V).fill(0)),
      integers('positions', [2, 2, 2], Array(8).fill(0)),
    );
    const error = refusalOf(path);
    expect(error).toBeInstanceOf(InputError);
    expect(error.exitCode).toBe(EXIT_CODES.usage);
    expect(Object.keys(error.facts)).toEqual(['logits', 'input_ids', 'positions']);
    expect(error.hint).toContain('logits = logits.astype(numpy.float32)');
    expect(error.hint).toContain('input_ids = input_ids.astype(numpy.int32)');
  });

  it.each([
    {
      name: 'rows of the last tokens without positions',
      tensors: [oneIds, floats([2, V], () => 1)],
      hint: 'positions = numpy.arange(4, 6)',
    },
    {
      name: 'a mask with a hole',
      tensors: [oneIds, integers('attention_mask', [T], [1, 1, 0, 1, 1, 1]), floats([T, V], () => 1)],
      hint: 'a 0 at 2 between ones',
    },
    {
      name: 'positions that count from the first real token',
      tensors: [
        oneIds,
        integers('attention_mask', [T], [0, 0, 1, 1, 1, 1]),
        integers('positions', [2], [1, 2]),
        floats([2, V], () => 1),
      ],
      hint: 'positions = positions + 2',
    },
    { name: 'ids below 0', tensors: [integers('input_ids', [2], [3, -100]), floats([2, V], () => 1)], hint: '-100' },
    { name: 'more rows than tokens', tensors: [oneIds, floats([7, V], () => 1)], hint: '[6, V]' },
  ])('refuses $name and says what to do', ({ tensors, hint }) => {
    const error = refusalOf(record(...tensors));
    expect(error.exitCode).toBe(EXIT_CODES.usage);
    expect(error.message).toContain(hint);
  });

  function refusalOf(path: string): InputError {
    try {
      openRecording(path);
    } catch (error) {
      return error as InputError;
    }
    throw new Error(`${path} was opened`);
  }
});

describe('names and labels of foreign files', () => {
  it.each(['', 'a\nPASS  fake line\nb', '\u001b[31m\u001b[2Jx', 'a\u202eb', 'x'.repeat(300)])(
    'refuse %j as a name',
    (name) => {
      const path = join(scratch, `${files++}.safetensors`);
      writeSafetensors(
        path,
        [
          { name: `prompt.${name}.input_ids`, dtype: 'I32', shape: [1], data: Int32Array.of(1) },
          { name: `prompt.${name}.logits`, dtype: 'F32', shape: [1, 2], data: new Float32Array(2) },
        ],
        { prompts: JSON.stringify([name]) },
      );
      expect(() => openRecording(path)).toThrow(
        expect.objectContaining({
          code: 'RECORDING_NAME',
          exitCode: 2,
          message: expect.not.stringContaining('\u001b'),
        }),
      );
    },
  );
});

describe('a folder with a file a step', () => {
  it('may begin with a whole prefill, and have the ids in steps too', () => {
    const folder = join(scratch, `folder-${files++}`);
    mkdirSync(folder);
    const save = (name: string, descr: string, shape: number[], data: ArrayBufferView): void =>
      writeFileSync(join(folder, `${name}.npy`), npyBytes({ descr, shape: `(${shape.join(', ')},)`, data }));
    const rows = (from: number, end: number): Float32Array =>
      Float32Array.from(Array.from({ length: end - from }, (_, i) => [...rowOf(0, from + i)]).flat());
    save('logits_0', '<f4', [1, 4, V], rows(0, 4));
    save('input_ids_0', '<i8', [1, 4], BigInt64Array.from(idsOf(0).slice(0, 4), BigInt));
    for (const position of [4, 5]) {
      const tile = new Float32Array(32 * V);
      tile.set(rowOf(0, position));
      save(`logits_${position - 3}`, '<f4', [1, 1, 32, V], tile);
      save(`input_ids_${position - 3}`, '<i4', [1, 1], Int32Array.of(idsOf(0)[position]!));
    }
    const recording = openRecording(folder);
    expectRows(recording, [0]);
    expect(recording.rowCount).toBe(T);
  });
});

describe('archives and folders that are broken', () => {
  const logits = npyBytes({ data: Float32Array.of(0, 1, 2, 3, 4, 5) });
  const ids = npyBytes({ descr: '<i4', shape: '(2,)', data: Int32Array.of(1, 2) });
  const archive = (bytes: Buffer): string => {
    const path = join(scratch, `${files++}.npz`);
    writeFileSync(path, bytes);
    return path;
  };

  it.each(['stored', 'deflated'] as const)('a whole one is read (%s)', (method) => {
    const path = archive(zipBytes({ 'input_ids.npy': ids, 'logits.npy': logits }, method));
    expect(openRecording(path).prompts[0]!.readLogits(1)).toEqual(Float32Array.of(3, 4, 5));
  });

  it('every cut-off archive is refused, never read as something else', () => {
    const whole = zipBytes({ 'input_ids.npy': ids, 'logits.npy': logits }, 'deflated');
    for (let length = 4; length < whole.length; length += 7) {
      expect(() => openRecording(archive(whole.subarray(0, length)))).toThrow(InputError);
    }
  });

  it('an entry that inflates to more than it says is refused', () => {
    const bytes = zipBytes({ 'logits.npy': logits, 'input_ids.npy': ids }, 'deflated');
    const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(40, central + 24);
    expect(() => openRecording(archive(bytes))).toThrow(expect.objectContaining({ code: 'ZIP_BROKEN' }));
  });

  it('two entries of one name are refused, whichever of them numpy would take', () => {
    const bytes = zipBytes({ 'input_ids.npy': ids, 'logits.npy': logits, 'logitt.npy': logits });
    const path = archive(Buffer.from(bytes.toString('latin1').replaceAll('logitt', 'logits'), 'latin1'));
    expect(() => openRecording(path)).toThrow(
      expect.objectContaining({ code: 'ZIP_TWICE', facts: { found: 'logits.npy', wanted: 'an entry of each name' } }),
    );
  });

  it('names what the file has when what it needs is missing', () => {
    const path = archive(zipBytes({ 'arr_0.npy': ids, 'scores.npy': logits }));
    expect(() => openRecording(path)).toThrow(/input_ids {2}found arr_0, scores, wanted \[T\] integers/);
  });

  it.each([
    { name: 'a step is missing', steps: ['logits_0000', 'logits_0002'], code: 'RECORDING_STEPS' },
    { name: 'the first steps are missing', steps: ['logits_0004', 'logits_0005'], code: 'RECORDING_STEPS' },
    { name: 'a step is there twice', steps: ['logits_0', 'logits_00', 'logits_1'], code: 'RECORDING_TWICE' },
    { name: 'logits are there whole and in steps', steps: ['logits', 'logits_0000'], code: 'RECORDING_TWICE' },
    { name: 'there are no logits', steps: [], code: 'RECORDING_MISSING' },
  ])('a folder where $name is refused', ({ steps, code }) => {
    const folder = join(scratch, `folder-${files++}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'input_ids.npy'), ids);
    const step = npyBytes({ shape: '(1, 3)', data: Float32Array.of(0, 1, 2) });
    for (const name of steps) writeFileSync(join(folder, `${name}.npy`), step);
    expect(() => openRecording(folder)).toThrow(expect.objectContaining({ code, exitCode: EXIT_CODES.usage }));
  });
});
