// The weight cache lies where the original has it, and never in the place of another checkpoint's.
import { describe, expect, it } from 'vitest';
import { weightCacheFolder } from './weight-cache-folder.ts';

describe('weight cache folder', () => {
  it.each([
    {
      name: "is the original's in QWEN_DIR",
      folder: '/m/Qwen2-7B',
      qwenDir: '/m/Qwen2-7B',
      wanted: '/m/Qwen2-7B/N150/tensor_cache_bfp8',
    },
    {
      name: 'is not the instruct one because of a folder above the checkpoint',
      folder: '/home/instructor/Qwen2-7B',
      qwenDir: '/home/instructor/Qwen2-7B',
      wanted: '/home/instructor/Qwen2-7B/N150/tensor_cache_bfp8',
    },
    {
      name: "is the instruct one by the checkpoint's name",
      folder: '/m/Qwen2-7B-Instruct',
      qwenDir: '/m/Qwen2-7B-Instruct',
      wanted: '/m/Qwen2-7B-Instruct/N150/tensor_cache_instruct_bfp8',
    },
    {
      name: 'is the instruct one by family',
      folder: '/m/q/chat',
      qwenDir: '/m/q',
      isInstruct: true,
      wanted: '/m/q/N150/tensor_cache_instruct_bfp8',
    },
    {
      name: 'is none for a checkpoint outside of QWEN_DIR',
      folder: '/fixtures/tiny',
      qwenDir: '/m/Qwen2-7B',
      wanted: undefined,
    },
    { name: 'is none for a neighbour of QWEN_DIR', folder: '/m/Qwen2-7B-b', qwenDir: '/m/Qwen2-7B', wanted: undefined },
    { name: 'is none without QWEN_DIR and option', folder: '/m/Qwen2-7B', wanted: undefined },
    {
      name: "is the option's, by checkpoint",
      folder: '/m/a',
      qwenDir: '/m/a',
      weightCache: '/c',
      wanted: '/c/a/tensor_cache_bfp8',
    },
  ])('$name', ({ folder, qwenDir, weightCache, isInstruct = false, wanted }) => {
    const request = { checkpointFolder: folder, format: 'BFP8_B', isInstruct, weightCache, qwenDir } as const;
    expect(weightCacheFolder(request)).toBe(wanted);
  });
});
