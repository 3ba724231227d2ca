// The multiply-add of Wormhole's vector unit bit by bit, to see whether the shorter one of multiply-add.ts is enough.
// Source: tt-isa-documentation, Miscellaneous/FMA (the behaviour of SFPMAD on Wormhole), written anew from its description.
// Exactness: bit-exact for finite operands; NaN and infinity are not modelled.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';

const FRACTION_UNITS = 2 ** 23;
const SIGN = 0x8000_0000;

/**
 * a * b + c. The product keeps three bits below float32's last, the lowest of them sticky; then the operand with the smaller exponent is
 * shifted, which is where a fused multiply-add would lose nothing yet. A remainder that is shifted out whole leaves no trace.
 */
export function wormholeMultiplyAdd(a: number, b: number, c: number): number {
  const [x, y, z] = [float32Bits(a), float32Bits(b), float32Bits(c)];
  const product = significand(x) * significand(y) * 8;
  const productSign = (x ^ y) & SIGN;
  const addendSign = z & SIGN;
  let productMagnitude = Math.floor(product / FRACTION_UNITS) | Number(product % FRACTION_UNITS !== 0);
  let addendMagnitude = significand(z) * 8;
  const productExponent = exponentOf(x) + exponentOf(y) - 127;
  if (productExponent >= 255) return float32FromBits(productSign | 0x7f80_0000);
  if (productMagnitude === 0 || productExponent < 0) return addendMagnitude === 0 ? 0 : c;

  let exponent = Math.max(productExponent, exponentOf(z));
  productMagnitude = shiftedSticky(productMagnitude, exponent - productExponent);
  addendMagnitude = shiftedSticky(addendMagnitude, exponent - exponentOf(z));
  const sign = productMagnitude >= addendMagnitude ? productSign : addendSign;
  let sum =
    productSign === addendSign ? productMagnitude + addendMagnitude : Math.abs(productMagnitude - addendMagnitude);
  if (sum === 0) return 0;

  // To five zero bits, the leading one and 26 bits below it.
  const shift = 5 - Math.clz32(sum);
  exponent += shift;
  if (exponent >= 255) return float32FromBits(sign | 0x7f80_0000);
  if (exponent < 0) return 0;
  sum = shift <= 0 ? sum << -shift : (sum >> shift) | (sum & 1);
  let bits = (exponent << 23) + ((sum >> 3) & 0x007f_ffff);
  if ((sum & 7) + (bits & 1) > 4) bits++;
  return bits >>> 23 === 0 ? 0 : float32FromBits(sign | bits);
}

function exponentOf(bits: number): number {
  return (bits >>> 23) & 0xff;
}

/** 24 bits with the hidden one; denormals are zero. */
function significand(bits: number): number {
  return exponentOf(bits) === 0 ? 0 : FRACTION_UNITS | (bits & 0x007f_ffff);
}

function shiftedSticky(magnitude: number, distance: number): number {
  if (distance >= 32) return 0;
  const shifted = magnitude >>> distance;
  return shifted === 0 ? 0 : shifted | Number(magnitude !== shifted * 2 ** distance);
}
