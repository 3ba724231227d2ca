// A base and an adapter opened as one checkpoint: values of the merged model, an identity of its own, files that are watched.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf, FIXTURES, rewriteJson } from './checkpoint.fixture.ts';
import { digestOf, expectedDigests, QUANTISED, quantisedFolder } from './formats/quantised-folder.fixture.ts';
import { openCheckpoint } from './weights.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-adapted-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const TINY = join(FIXTURES, 'tiny-qwen2');
const adapter = join(scratch, 'adapter');
cpSync(join(QUANTISED, 'lora'), adapter, { recursive: true });

describe('a base with an adapter', () => {
  it('holds what PEFT merges, and the base for the rest', () => {
    const [base, adapted] = [openCheckpoint(TINY), openCheckpoint(`${TINY}+${adapter}`)];
    const expected = expectedDigests('lora');
    for (const key of base.tensors.keys()) {
      const wanted = expected[key] ?? digestOf(base.readFloat32(key));
      expect([key, digestOf(adapted.readFloat32(key))]).toEqual([key, wanted]);
    }
    expect(adapted.encoding).toBe('LoRA, rank 4 and 8 and 16, on 8 matrices');
    expect(adapted.name).toBe('tiny-qwen2+adapter');
    expect(adapted.files.map((file) => file.replace(scratch, ''))).toContain('/adapter/adapter_model.safetensors');
  });

  it('may be quantised itself', () => {
    const adapted = openCheckpoint(`${quantisedFolder('bnb-nf4', scratch)}+${adapter}`);
    expect(adapted.encoding).toBe(
      'bitsandbytes nf4, blocks of 64, double quantisation + LoRA, rank 4 and 8 and 16, on 8 matrices',
    );
    expect(adapted.tensors.get('model.layers.0.mlp.down_proj.weight')).toMatchObject({
      format: 'nf4, blocks of 64, double quantisation + LoRA r16',
    });
    expect(adapted.notes.join('\n')).toContain('the adapter was made for tiny-qwen2, and is applied to bnb-nf4-');
  });

  it('is another model with other weights, and with another scale', async () => {
    const [base, adapted] = [openCheckpoint(TINY), openCheckpoint(`${TINY}+${adapter}`)];
    const scaled = join(scratch, 'scaled');
    cpSync(adapter, scaled, { recursive: true });
    rewriteJson(scaled, 'adapter_config.json', (json) => ({ ...json, lora_alpha: 32 }));
    const other = openCheckpoint(`${TINY}+${scaled}`);
    expect(new Set([await base.sha256(), await adapted.sha256(), await other.sha256()]).size).toBe(3);
  });

  it('is no longer the same when adapter_config.json changes meanwhile', async () => {
    const changing = join(scratch, 'changing');
    cpSync(adapter, changing, { recursive: true });
    const adapted = openCheckpoint(`${TINY}+${changing}`);
    await adapted.requireUnchanged();
    rewriteJson(changing, 'adapter_config.json', (json) => ({ ...json, lora_alpha: 32 }));
    await expect(adapted.requireUnchanged()).rejects.toThrow(/adapter_config\.json/);
  });

  it('is refused where there is no adapter', () => {
    expect(errorOf(() => openCheckpoint(`${TINY}+${join(scratch, 'nowhere')}`)).code).toBe('ADAPTER_UNREADABLE');
  });
});
