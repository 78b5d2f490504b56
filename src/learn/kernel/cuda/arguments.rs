//! Arguments of CUDA kernels: one declaration for both languages.

use bytemuck::Pod;

/// A struct that a CUDA kernel takes.
pub trait Arguments: Pod {
    /// The kernel.
    const ENTRY: Entry;
}

/// A CUDA kernel.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name; `<name>.cu` holds it.
    pub name: &'static str,
    /// Its source.
    pub text: &'static str,
    /// The C declarations of its structs.
    pub declare: fn() -> String,
    /// What stands behind its source.
    pub finish: fn() -> String,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A field's type in C: 32-bit words and arrays of them, which both languages lay out alike.
pub(crate) trait Field {
    const C: &'static str;
    const LEN: Option<usize>;
}

impl Field for u32 {
    const C: &'static str = "unsigned";
    const LEN: Option<usize> = None;
}

impl Field for f32 {
    const C: &'static str = "float";
    const LEN: Option<usize> = None;
}

impl<T: Field, const N: usize> Field for [T; N] {
    const C: &'static str = T::C;
    const LEN: Option<usize> = Some(N);
}

/// `    unsigned rows;`
pub(crate) fn field<T: Field>(name: &str) -> String {
    let len = T::LEN.map(|n| format!("[{n}]")).unwrap_or_default();
    format!("    {} {name}{len};\n", T::C)
}

/// Declares the structs of the kernel `<name>.cu`, its arguments first, for Rust and for C.
macro_rules! arguments {
    ($name:literal, $(struct $type:ident { $($field:ident: $of:ty),* $(,)? })+) => {
        $(
            #[repr(C)]
            #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
            pub(crate) struct $type { $($field: $of),* }
        )+
        $crate::kernel::cuda::arguments!(@entry $name, [$($type)+] {
            let mut c = String::new();
            $(
                c += concat!("struct ", stringify!($type), " {\n");
                $(c += &$crate::kernel::cuda::field::<$of>(stringify!($field));)*
                c += &format!("}};\nstatic_assert(sizeof({0}) == {1}, \"{0}\");\n", stringify!($type), size_of::<$type>());
            )+
            c
        });
    };
    (@entry $name:literal, [$first:ident $($rest:ident)*] $declare:block) => {
        impl $crate::kernel::cuda::Arguments for $first {
            const ENTRY: $crate::kernel::cuda::Entry = $crate::kernel::cuda::Entry {
                name: $name,
                text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/kernel/", $name, ".cu")),
                declare: || $declare,
                finish: String::new,
            };
        }
    };
}
pub(crate) use arguments;
