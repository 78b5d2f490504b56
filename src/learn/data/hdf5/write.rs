//! Files as every HDF5 from 1.8 on reads them: chunk extents are stored as 32-bit numbers, and chunks
//! found by the older B-tree.

use std::fmt::Display;

use hdf5_writer::{
    AttributeBuilder, ByteOrder, DatasetBuilder, Datatype, EnumMember, FILTER_DEFLATE,
    FilterDescription, Hdf5Builder, Result as H5Result, StringEncoding, StringPadding, StringSize,
    WriteOptions,
};

use crate::error::{Error, Result};

/// h5py's own default level.
const GZIP_LEVEL: u32 = 4;

/// Values of an array, row-major.
pub(in crate::data) enum Values<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
    /// h5py's Boolean: an enumeration over `int8`.
    Flags(&'a [bool]),
}

impl Values<'_> {
    /// Bytes of one value.
    fn element(&self) -> usize {
        match self {
            Self::Single(_) => 4,
            Self::Double(_) => 8,
            Self::Flags(_) => 1,
        }
    }
}

/// An HDF5 file in the making. Groups come with the names of what is in them.
#[derive(Default)]
pub(in crate::data) struct H5Writer {
    builder: Hdf5Builder,
}

impl H5Writer {
    /// An array in one piece.
    pub fn array(&mut self, name: &str, shape: &[usize], values: &Values) -> Result<()> {
        self.add(name, dataset(name, shape, values))
    }

    /// An array in chunks of whole rows, about `bytes` bytes each, packed by gzip.
    pub fn packed(
        &mut self,
        name: &str,
        shape: &[usize],
        bytes: usize,
        values: &Values,
    ) -> Result<()> {
        let width: usize = shape[1..].iter().product();
        let rows = bytes / (values.element() * width.max(1));
        let mut chunk = wide(shape);
        chunk[0] = (rows as u64).clamp(1, chunk[0].max(1));
        let gzip = FilterDescription {
            id: FILTER_DEFLATE,
            name: None,
            client_data: vec![GZIP_LEVEL],
        };
        let dataset = dataset(name, shape, values);
        self.add(name, dataset.map(|d| d.chunked(chunk).filter(gzip)))
    }

    /// A scalar `int32`.
    pub fn integer(&mut self, name: &str, value: i32) -> Result<()> {
        self.add(name, DatasetBuilder::typed_data(name, [], &[value]))
    }

    /// A scalar ASCII text.
    pub fn text(&mut self, name: &str, value: &str) -> Result<()> {
        let datatype = Datatype::String {
            size: StringSize::Fixed(value.len().max(1) as u32),
            encoding: StringEncoding::Ascii,
            padding: StringPadding::NullPad,
        };
        let mut bytes = value.as_bytes().to_vec();
        bytes.resize(value.len().max(1), 0);
        self.add(
            name,
            Ok(DatasetBuilder::new(name, datatype, []).raw_data(bytes)),
        )
    }

    /// A scalar attribute of a group.
    pub fn attribute(&mut self, group: &str, name: &str, value: i64) -> Result<()> {
        let attribute = AttributeBuilder::scalar(name, value).map_err(|e| unwritable(group, &e))?;
        self.builder = std::mem::take(&mut self.builder).group_attribute(group, attribute);
        Ok(())
    }

    /// The file's bytes; `place` is its name.
    pub fn finish(self, place: impl Display) -> Result<Vec<u8>> {
        let options = WriteOptions {
            byte_order: ByteOrder::LittleEndian,
            ..WriteOptions::default()
        };
        let plan = self.builder.into_plan();
        plan.and_then(|plan| plan.encode(options))
            .map_err(|error| unwritable(place, &error))
    }

    fn add(&mut self, name: &str, dataset: H5Result<DatasetBuilder>) -> Result<()> {
        let dataset = dataset.map_err(|error| unwritable(name, &error))?;
        self.builder = std::mem::take(&mut self.builder).dataset(dataset);
        Ok(())
    }
}

fn dataset(name: &str, shape: &[usize], values: &Values) -> H5Result<DatasetBuilder> {
    let shape = wide(shape);
    match values {
        Values::Single(values) => DatasetBuilder::typed_data(name, shape, values),
        Values::Double(values) => DatasetBuilder::typed_data(name, shape, values),
        Values::Flags(values) => {
            let bytes: Vec<u8> = values.iter().map(|&flag| u8::from(flag)).collect();
            Ok(DatasetBuilder::new(name, boolean(), shape).raw_data(bytes))
        }
    }
}

fn wide(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&extent| extent as u64).collect()
}

fn boolean() -> Datatype {
    let member = |name: &str, value| EnumMember {
        name: name.to_owned(),
        value: vec![value],
    };
    Datatype::Enum {
        base: Box::new(Datatype::FixedPoint {
            size: 1,
            signed: true,
            byte_order: ByteOrder::LittleEndian,
        }),
        members: vec![member("FALSE", 0), member("TRUE", 1)],
    }
}

/// The columns were checked before: what is left is a limit of the format itself.
fn unwritable(place: impl Display, error: &hdf5_writer::Error) -> Error {
    let problem = match error {
        hdf5_writer::Error::Io(error) => format!("cannot be written: {error}"),
        _ => "does not fit an HDF5 file".to_owned(),
    };
    Error::input(place, problem, "write fewer rows")
}
