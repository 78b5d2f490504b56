//! A kernel, declared once: `kernel!` makes its struct, its buffers by name, its launch,
//! its byte count, and the C struct that its CUDA source reads.
//!
//! Buffers are told apart by their [`Kind`]. What holds log π is due here, so this compiles:
//!
//! ```
//! use h2oplus_learn::kernel::{Acts, Buf, LogPi, Rows, Theta, W, Y};
//! use h2oplus_learn::kernel::target::{Target, TargetBuffers};
//! # use h2oplus_learn::error::Result;
//! fn targets(
//!     kernel: &Target, y: &Buf<Y>, acts: &Buf<Acts>, log_pi: &Buf<LogPi>, theta: &Buf<Theta>, batch: &Buf<Rows>,
//! ) -> Result<()> {
//!     kernel.launch(TargetBuffers { y, acts, log_pi, theta, batch })
//! }
//! ```
//!
//! and this, where the weights w stand in its place, does not:
//!
//! ```compile_fail,E0308
//! use h2oplus_learn::kernel::{Acts, Buf, LogPi, Rows, Theta, W, Y};
//! use h2oplus_learn::kernel::target::{Target, TargetBuffers};
//! # use h2oplus_learn::error::Result;
//! fn targets(
//!     kernel: &Target, y: &Buf<Y>, acts: &Buf<Acts>, w: &Buf<W>, theta: &Buf<Theta>, batch: &Buf<Rows>,
//! ) -> Result<()> {
//!     kernel.launch(TargetBuffers { y, acts, log_pi: w, theta, batch })
//! }
//! ```

use crate::kernel::cuda::{Entry, KernelCall, Program, Step, THREADS, word};

/// What the arguments of a launch begin with: the members, and how many floats a member has in each buffer.
pub(crate) fn header(members: usize, floats: &[usize], shared: &[bool]) -> Vec<u32> {
    let strides = floats.iter().zip(shared);
    let strides = strides.map(|(floats, shared)| if *shared { 0 } else { floats / members });
    std::iter::once(members).chain(strides).map(word).collect()
}

/// The launch of `entry` on all buffers, `threads` of them for each member.
pub(crate) fn program(entry: Entry, members: usize, threads: usize, words: &[u32]) -> Program {
    let blocks = threads.div_ceil(THREADS as usize);
    let run = KernelCall {
        entry,
        buffers: None,
        grid: [blocks, members, 1].map(word),
        threads: THREADS,
        arguments: bytemuck::cast_slice(words).to_vec(),
    };
    Program {
        steps: vec![Step::Run(run)],
    }
}

/// A buffer in the C source.
pub(crate) struct CBuffer {
    pub name: &'static str,
    pub written: bool,
}

impl CBuffer {
    fn pointer(&self) -> String {
        let of = if self.written { "float" } else { "const float" };
        format!("{of}* {}", self.name)
    }
}

/// The C struct of a kernel: its arguments, the numbers of a member, and one member's part of every buffer.
pub(crate) fn c_struct(
    [kernel, arguments, each]: [&str; 3],
    buffers: &[CBuffer],
    [words, each_words]: [usize; 2],
) -> String {
    let strides = buffers.iter().map(|b| format!("{}_stride", b.name));
    let strides: Vec<_> = strides.collect();
    let pointers: Vec<_> = buffers.iter().map(CBuffer::pointer).collect();
    let mut c = format!(
        "struct {kernel}Args {{\n    unsigned members, {};\n{arguments}}};\n",
        strides.join(", ")
    );
    c += &format!(
        "static_assert(sizeof({kernel}Args) == {}, \"\");\n",
        4 * words
    );
    c += &format!("struct {kernel}Each {{\n{each}}};\n");
    if each_words > 0 {
        c += &format!(
            "static_assert(sizeof({kernel}Each) == {}, \"\");\n",
            4 * each_words
        );
    }
    c += &format!(
        "struct {kernel} {{\n    const {kernel}Args& args;\n    const {kernel}Each& each;\n    unsigned member;\n"
    );
    for pointer in pointers {
        c += &format!("    {pointer};\n");
    }
    c + "    const unsigned* table;\n};\n"
}

/// The CUDA kernel `name`, which finds its member's part of everything and calls the body in `<name>.cu`.
pub(crate) fn c_entry([name, kernel]: [&str; 2], buffers: &[CBuffer], each_words: usize) -> String {
    let pointers: Vec<_> = buffers.iter().map(CBuffer::pointer).collect();
    let parts = buffers.iter().map(|b| {
        let name = b.name;
        format!("{name} + (size_t)member * args->{name}_stride")
    });
    let parts: Vec<_> = parts.collect();
    let head = format!(
        "extern \"C\" __global__ void {name}({}, const {kernel}Args* args)",
        pointers.join(", ")
    );
    format!(
        "{head} {{\n    unsigned member = blockIdx.y;\n    const unsigned* tail = reinterpret_cast<const \
         unsigned*>(args + 1);\n    const {kernel}Each* each = reinterpret_cast<const {kernel}Each*>(tail + {each_words} \
         * member);\n    {name}_body({{*args, *each, member, {}, tail + {each_words} * args->members}});\n}}\n",
        parts.join(", ")
    )
}

/// Declares a kernel.
///
/// - `fields`: sizes, choices and places, alike for all members;
/// - `each`: numbers of which each member has its own, held as [`PerMember`](crate::kernel::PerMember);
/// - `buffers`: what it writes and what it reads, each by name and [`Kind`];
/// - `stats`: the names of what it reports, where it reports something;
/// - `threads`: how many CUDA threads a member's part takes;
/// - `floats`: the least number of floats that a member's part reads and writes.
macro_rules! kernel {
    (
        $(#[$meta:meta])*
        pub struct $kernel:ident in $name:literal;
        fields { $($(#[$fm:meta])* $field:ident: $ft:ty),* $(,)? }
        each { $($(#[$em:meta])* $each:ident: $et:ty),* $(,)? }
        buffers $buffers:ident {
            out { $($(#[$om:meta])* $out:ident: $ok:ident),+ $(,)? }
            in { $($(#[$im:meta])* $in:ident: $ik:ident),* $(,)? }
        }
        $(stats [$($stat:literal),+ $(,)?];)?
        threads |$tk:pat_param| $threads:expr;
        floats |$bk:pat_param| $floats:expr;
        $(table |$tab:pat_param| $table:expr;)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $kernel {
            /// Members.
            pub members: usize,
            $($(#[$fm])* pub $field: $ft,)*
            $($(#[$em])* pub $each: $crate::kernel::PerMember<$et>,)*
        }

        #[doc = concat!("Buffers of [`", stringify!($kernel), "`].")]
        pub struct $buffers<V: $crate::kernel::Seen> {
            $($(#[$om])* pub $out: V::Out<$crate::kernel::$ok>,)+
            $($(#[$im])* pub $in: V::In<$crate::kernel::$ik>,)*
        }

        impl $kernel {
            /// Its CUDA source.
            pub const ENTRY: $crate::kernel::cuda::Entry = $crate::kernel::cuda::Entry {
                name: $name,
                text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/kernel/", $name, ".cu")),
                declare: Self::declare,
                finish: || $crate::kernel::c_entry(
                    [$name, stringify!($kernel)],
                    &Self::c_buffers(),
                    Self::EACH_WORDS,
                ),
            };
            const EACH_WORDS: usize = 0 $(+ <$et as $crate::kernel::Field>::WORDS)*;
            $(
                /// What it reports.
                pub const STATS: [&'static str; <[&str]>::len(&[$($stat),+])] = [$($stat),+];
            )?

            fn c_buffers() -> Vec<$crate::kernel::CBuffer> {
                vec![
                    $($crate::kernel::CBuffer { name: stringify!($out), written: true },)+
                    $($crate::kernel::CBuffer { name: stringify!($in), written: false },)*
                ]
            }

            fn declare() -> String {
                let buffers = Self::c_buffers();
                let arguments = String::new() $(+ &$crate::kernel::declared::<$ft>(stringify!($field)))*;
                let each = String::new() $(+ &$crate::kernel::declared::<$et>(stringify!($each)))*;
                let words = 1 + buffers.len() $(+ <$ft as $crate::kernel::Field>::WORDS)*;
                let names = [stringify!($kernel), &arguments, &each];
                $crate::kernel::c_struct(names, &buffers, [words, Self::EACH_WORDS])
            }

            /// Runs it on the device of its buffers, which are distinct and contiguous.
            pub fn launch(&self, buffers: $buffers<$crate::kernel::OnDevice<'_>>) -> $crate::error::Result<()> {
                $crate::kernel::launch::launch(self, [$(&**buffers.$out),+], [$(&**buffers.$in),*])
            }
        }

        impl $crate::kernel::launch::Kernel<
            { <[&str]>::len(&[$(stringify!($out)),+]) },
            { <[&str]>::len(&[$(stringify!($in)),*]) },
        > for $kernel {
            const NAME: &'static str = $name;

            fn cost(&self) -> $crate::kernel::launch::Cost {
                let $bk = self;
                $crate::kernel::launch::Cost { flops: 0, bytes: (4 * self.members * ($floats)) as u64 }
            }

            fn cpu(
                &self,
                [$($out),+]: [&mut [f32]; <[&str]>::len(&[$(stringify!($out)),+])],
                [$($in),*]: [&[f32]; <[&str]>::len(&[$(stringify!($in)),*])],
            ) {
                self.twin($buffers {
                    $($out: $crate::kernel::Out::new($out, self.members),)+
                    $($in: $crate::kernel::In::new($in, self.members),)*
                });
            }

            fn cuda(&self, floats: &[usize]) -> $crate::kernel::cuda::Program {
                let shared = [
                    $(<$crate::kernel::$ok as $crate::kernel::Kind>::SHARED,)+
                    $(<$crate::kernel::$ik as $crate::kernel::Kind>::SHARED,)*
                ];
                let mut words = $crate::kernel::header(self.members, floats, &shared);
                $($crate::kernel::Field::words(&self.$field, &mut words);)*
                for _member in 0..self.members {
                    $($crate::kernel::Field::words(&self.$each.of(_member), &mut words);)*
                }
                $(
                    let $tab = self;
                    words.extend($table);
                )?
                let $tk = self;
                $crate::kernel::program(Self::ENTRY, self.members, $threads, &words)
            }
        }
    };
}
pub(crate) use kernel;
