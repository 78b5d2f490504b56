//! One element of an array, whatever its type: half to double precision, integers, Booleans.

use half::f16;
use hdf5_reader::{ByteOrder, Datatype};

/// A type whose values are numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Element {
    kind: Kind,
    /// Bytes of one.
    pub size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

impl Element {
    /// The number that `datatype` stores, or what it is instead. `raw` is its encoding, which says
    /// how a float's bits are shared out.
    pub fn of(datatype: &Datatype, raw: &[u8]) -> Result<Self, &'static str> {
        let (kind, size, order) = match datatype {
            Datatype::FloatingPoint { size, byte_order } => {
                if !is_ieee(*size, raw) {
                    return Err("floats of a format of their own");
                }
                (Kind::Float, *size, *byte_order)
            }
            Datatype::FixedPoint {
                size,
                signed,
                byte_order,
            } if matches!(size, 1 | 2 | 4 | 8) => {
                let kind = if *signed {
                    Kind::Signed
                } else {
                    Kind::Unsigned
                };
                (kind, *size, *byte_order)
            }
            // PyTables stores Booleans as bits.
            Datatype::Bitfield { size, byte_order } if matches!(size, 1 | 2 | 4 | 8) => {
                (Kind::Unsigned, *size, *byte_order)
            }
            // h5py stores Booleans as an enumeration over int8.
            Datatype::Enum { base, .. } if matches!(**base, Datatype::FixedPoint { .. }) => {
                return Self::of(base, raw);
            }
            Datatype::String { .. } => return Err("text"),
            Datatype::VarLen { .. } => return Err("rows of different lengths, or text"),
            Datatype::Compound { .. } => {
                return Err("records of several fields, or complex numbers");
            }
            Datatype::Array { .. } => return Err("arrays within an array"),
            Datatype::Reference { .. } => return Err("references"),
            _ => return Err("values that are no numbers"),
        };
        Ok(Self {
            kind,
            size: usize::from(size),
            big_endian: order == ByteOrder::BigEndian,
        })
    }

    /// The value of `bytes`, which are one element.
    pub fn double(self, bytes: &[u8]) -> f64 {
        let mut wide = [0; 8];
        let size = bytes.len().min(8);
        wide[..size].copy_from_slice(&bytes[..size]);
        if self.big_endian {
            wide[..size].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        let shift = 64 - 8 * size as u32;
        match (self.kind, size) {
            (Kind::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Signed, _) => ((bits << shift) as i64 >> shift) as f64,
            (Kind::Unsigned, _) => bits as f64,
        }
    }

    /// The value rounded to single precision; a single keeps its bits.
    pub fn single(self, bytes: &[u8]) -> f32 {
        match (self.kind, self.big_endian, bytes) {
            (Kind::Float, false, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => self.double(bytes) as f32,
        }
    }
}

/// Whether a float's precision, exponent and mantissa lie where IEEE 754 has them.
fn is_ieee(size: u8, raw: &[u8]) -> bool {
    // Class and size take 8 bytes, the first bit 2; bytes 10 to 19 say where the parts are.
    let (precision, exponent_at, exponent, mantissa, bias) = match size {
        2 => (16u16, 10, 5, 10, 15u32),
        4 => (32, 23, 8, 23, 127),
        8 => (64, 52, 11, 52, 1023),
        _ => return false,
    };
    let [a, b] = precision.to_le_bytes();
    let [c, d, e, f] = bias.to_le_bytes();
    let wanted = [a, b, exponent_at, exponent, 0, mantissa, c, d, e, f];
    raw.get(10..20) == Some(&wanted[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(datatype: &Datatype) -> Element {
        Element::of(datatype, &[]).expect("a number")
    }

    #[test]
    fn integers_of_any_size_and_order() {
        let int = |size, signed, byte_order| {
            of(&Datatype::FixedPoint {
                size,
                signed,
                byte_order,
            })
        };
        let little = ByteOrder::LittleEndian;
        assert_eq!(int(1, true, little).double(&[0xff]), -1.0);
        assert_eq!(int(1, false, little).double(&[0xff]), 255.0);
        assert_eq!(
            int(2, true, ByteOrder::BigEndian).double(&[0xff, 0xfe]),
            -2.0
        );
        assert_eq!(
            int(4, false, little).single(&[1, 0, 0, 0x80]),
            2_147_483_649.0
        );
        let most = i64::MIN.to_le_bytes();
        assert_eq!(int(8, true, little).double(&most), i64::MIN as f64);
    }
}
