// Entry of the kernels' module: what the workers call.

export function fill(target: usize, value: f32, count: i32): void {
  const lanes = f32x4.splat(value);
  let i = 0;
  for (; i + 4 <= count; i += 4) v128.store(target + ((<usize>i) << 2), lanes);
  for (; i < count; i++) store<f32>(target + ((<usize>i) << 2), value);
}
