//! Names are followed as h5py follows them: through soft links, and through links into other files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hdf5_reader::btree_v1::collect_btree_v1_leaves_storage;
use hdf5_reader::btree_v2::{BTreeV2Header, BTreeV2Record, collect_btree_v2_records_storage};
use hdf5_reader::error::{Error as H5Error, Result as H5Result};
use hdf5_reader::fractal_heap::{FractalHeap, FractalHeapDirectBlockCache};
use hdf5_reader::io::Cursor;
use hdf5_reader::local_heap::LocalHeap;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::{self, LinkTarget};
use hdf5_reader::messages::link_info::LinkInfoMessage;
use hdf5_reader::messages::symbol_table_msg::SymbolTableMessage;
use hdf5_reader::symbol_table::SymbolTableNode;

use super::fault::guarded;
use super::open::H5File;
use crate::error::{Error, Result};

/// The links of a group, by name.
pub(super) type Links = BTreeMap<String, LinkTarget>;

/// More links than one name needs: beyond it they lead to each other.
const MOST_LINKS: usize = 32;

/// Where a name leads: a file, and the object's own path and address there.
#[derive(Clone)]
pub(super) struct Found {
    pub file: H5File,
    pub path: String,
    pub address: u64,
}

impl H5File {
    /// The object called `name`, or `None` where a group on the way has no such name.
    ///
    /// # Errors
    /// A link that leads nowhere, to another link without end, or to a file that cannot be opened.
    pub(super) fn follow(&self, name: &str) -> Result<Option<Found>> {
        self.root()?.follow(name, &mut 0)
    }

    fn root(&self) -> Result<Found> {
        let address = guarded(self.0.path.display(), || {
            self.0.file.superblock().root_object_header_address()
        })?;
        Ok(Found {
            file: self.clone(),
            path: String::new(),
            address,
        })
    }

    /// The links of the group at `address`; none where that is no group.
    pub(super) fn links(&self, address: u64) -> Result<Rc<Links>> {
        if let Some(known) = self.0.links.borrow().get(&address) {
            return Ok(known.clone());
        }
        let links = Rc::new(guarded(self.0.path.display(), || self.read_links(address))?);
        self.0.links.borrow_mut().insert(address, links.clone());
        Ok(links)
    }

    fn read_links(&self, address: u64) -> H5Result<Links> {
        let header = self.0.file.get_or_parse_header(address)?;
        let mut links = Links::new();
        for message in &header.messages {
            match message {
                HdfMessage::SymbolTable(table) => self.read_table(table, &mut links)?,
                HdfMessage::Link(link) => {
                    links.insert(link.name.clone(), link.target.clone());
                }
                HdfMessage::LinkInfo(info) => self.read_heap(info, &mut links)?,
                _ => {}
            }
        }
        Ok(links)
    }

    /// Links of a group as HDF5 1.6 wrote it, and h5py still does by default.
    fn read_table(&self, table: &SymbolTableMessage, links: &mut Links) -> H5Result<()> {
        let (offset, length, storage) = self.sizes();
        let heap = LocalHeap::parse_at_storage(storage, table.heap_address, offset, length)?;
        let segment = usize::try_from(heap.data_segment_size).unwrap_or(usize::MAX);
        let segment = storage.read_range(heap.data_segment_address, segment)?;
        let text = |at: u64| text_at(&segment, at);
        let nodes = collect_btree_v1_leaves_storage(
            storage,
            table.btree_address,
            offset,
            length,
            None,
            &[],
            None,
        )?;
        for (_, address) in nodes {
            let head = storage.read_range(address, 8)?;
            let entries = usize::from(u16::from_le_bytes([head[6], head[7]]));
            let bytes = 8 + entries * (2 * usize::from(offset) + 24);
            let node = storage.read_range(address, bytes)?;
            let node = SymbolTableNode::parse(&mut Cursor::new(&node), offset, length)?;
            for entry in node.entries {
                let target = if entry.cache_type == 2 {
                    let [a, b, c, d, ..] = entry.scratch;
                    let at = u32::from_le_bytes([a, b, c, d]);
                    let path = text(u64::from(at))?;
                    LinkTarget::Soft { path }
                } else {
                    let address = entry.object_header_address;
                    LinkTarget::Hard { address }
                };
                links.insert(text(entry.link_name_offset)?, target);
            }
        }
        Ok(())
    }

    /// Links of a large group as HDF5 1.8 and later write it.
    fn read_heap(&self, info: &LinkInfoMessage, links: &mut Links) -> H5Result<()> {
        let (offset, length, storage) = self.sizes();
        if Cursor::is_undefined_offset(info.fractal_heap_address, offset) {
            return Ok(());
        }
        let at = info.fractal_heap_address;
        let heap = FractalHeap::parse_at_storage(storage, at, offset, length)?;
        let at = info.btree_name_index_address;
        let index = BTreeV2Header::parse_at_storage(storage, at, offset, length)?;
        let records =
            collect_btree_v2_records_storage(storage, &index, offset, length, None, &[], None)?;
        let mut blocks = FractalHeapDirectBlockCache::default();
        for record in &records {
            let BTreeV2Record::LinkNameHash { heap_id, .. } = record else {
                continue;
            };
            let bytes =
                heap.get_object_storage_cached(heap_id, storage, offset, length, &mut blocks)?;
            let link = link::parse(&mut Cursor::new(&bytes), offset, length, bytes.len())?;
            links.insert(link.name, link.target);
        }
        Ok(())
    }

    fn sizes(&self) -> (u8, u8, &dyn hdf5_reader::Storage) {
        let block = self.0.file.superblock();
        (block.offset_size, block.length_size, self.0.file.storage())
    }

    /// The file that a link names: as HDF5 does, beside this one first.
    fn other(&self, name: &str, link: &str) -> Result<Self> {
        let beside = self.0.path.parent().unwrap_or(Path::new("")).join(name);
        if let Some(known) = self.0.others.borrow().get(&beside) {
            return Ok(known.clone());
        }
        let places = [
            Some(beside.clone()),
            moved_with(&self.0.path, name),
            Some(PathBuf::from(name)),
        ];
        let there = places.into_iter().flatten().find(|place| place.is_file());
        let file = there.ok_or_else(|| {
            Error::input(
                link,
                format!("a link into {}, which is not there", beside.display()),
                "put that file in its place, or copy the data themselves into one file",
            )
        })?;
        let file = Self::open(&file)?;
        self.0.others.borrow_mut().insert(beside, file.clone());
        Ok(file)
    }
}

/// The text that begins at `at` and ends with a zero.
fn text_at(heap: &[u8], at: u64) -> H5Result<String> {
    let text = usize::try_from(at).ok().and_then(|at| heap.get(at..));
    let text = text.and_then(|text| text.split(|&byte| byte == 0).next());
    let text = text.ok_or(H5Error::OffsetOutOfBounds(at))?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// For an absolute `name`, its last part in the folder of `path`: links of a folder that moved hold on.
fn moved_with(path: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let base = name.is_absolute().then(|| name.file_name())??;
    Some(path.parent()?.join(base))
}

impl Found {
    /// Where `name` leads from here; `links` counts the links that were followed.
    fn follow(&self, name: &str, links: &mut usize) -> Result<Option<Self>> {
        let mut at = if name.starts_with('/') {
            self.file.root()?
        } else {
            self.clone()
        };
        for part in name.split('/').filter(|part| !matches!(*part, "" | ".")) {
            let place = at.file.place(&format!("{}/{part}", at.path));
            let Some(target) = at.file.links(at.address)?.get(part).cloned() else {
                return Ok(None);
            };
            *links += usize::from(!matches!(target, LinkTarget::Hard { .. }));
            if *links > MOST_LINKS {
                return Err(Error::input(
                    place,
                    format!("more than {MOST_LINKS} links, one behind the other"),
                    "let the links lead to the data themselves",
                ));
            }
            let (to, target) = match target {
                LinkTarget::Hard { address } => {
                    at.path = format!("{}/{part}", at.path);
                    at.address = address;
                    continue;
                }
                LinkTarget::Soft { path } => (at.follow(&path, links)?, path),
                LinkTarget::External { filename, path } => {
                    let file = at.file.other(&filename, &place)?;
                    let to = file.root()?.follow(&path, links)?;
                    (to, format!("{path} in {filename}"))
                }
            };
            at = to.ok_or_else(|| {
                Error::input(
                    place,
                    format!("a link to {target}, which is not there"),
                    "let the link lead to the data, or store the data in its place",
                )
            })?;
        }
        Ok(Some(at))
    }
}
