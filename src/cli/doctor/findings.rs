//! What Linux says of graphics processors and the way to them, and what would help.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// PCI vendors of graphics processors.
const VENDORS: [(&str, &str); 3] = [("0x10de", "NVIDIA"), ("0x1002", "AMD"), ("0x8086", "Intel")];

/// The way from a program to a graphics processor, link by link.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Display controllers on the PCI bus: vendor and identifier.
    pub controllers: Vec<String>,
    /// Version of NVIDIA's kernel driver.
    pub nvidia_driver: Option<String>,
    /// Whether this process may open NVIDIA's device nodes.
    pub nvidia_nodes: bool,
    /// Render nodes that exist, and whether this process may open them.
    pub render_nodes: Vec<(PathBuf, bool)>,
    /// The Vulkan loader, `libvulkan.so.1`.
    pub vulkan_loader: Option<PathBuf>,
    /// Manifests of Vulkan drivers that the loader would read.
    pub vulkan_drivers: Vec<PathBuf>,
    /// NVIDIA's Vulkan library, `libGLX_nvidia.so.0`.
    pub nvidia_vulkan: Option<PathBuf>,
    /// The CUDA driver's library, `libcuda.so.1`.
    pub cuda_driver: Option<PathBuf>,
    /// Whether this is a container.
    pub container: bool,
}

/// A broken link and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl Findings {
    /// Looks at this machine.
    pub fn look() -> Self {
        let nvidia_driver = std::fs::read_to_string("/proc/driver/nvidia/version")
            .ok()
            .and_then(|text| text.lines().next().map(str::to_owned));
        Self {
            controllers: controllers(Path::new("/sys/bus/pci/devices")),
            nvidia_driver,
            nvidia_nodes: opens(Path::new("/dev/nvidiactl")),
            render_nodes: files(Path::new("/dev/dri"), "renderD")
                .into_iter()
                .map(|node| (node.clone(), opens(&node)))
                .collect(),
            vulkan_loader: library("libvulkan.so.1"),
            vulkan_drivers: vulkan_drivers(),
            nvidia_vulkan: library("libGLX_nvidia.so.0"),
            cuda_driver: library("libcuda.so.1"),
            container: Path::new("/.dockerenv").exists()
                || Path::new("/run/.containerenv").exists(),
        }
    }

    /// What stands between this machine and a run on its graphics processor, the first link first;
    /// `adapters` is how many processors (software ones aside) the engine sees.
    pub fn advice(&self, adapters: usize) -> Vec<Advice> {
        let mut all = Vec::new();
        let mut say = |problem: &str, help: &str| {
            all.push(Advice {
                problem: problem.into(),
                help: help.into(),
            });
        };
        if self.vulkan_loader.is_none() {
            say(
                "the Vulkan loader (libvulkan.so.1) is missing",
                "install it: `apt install libvulkan1` (Debian, Ubuntu), `dnf install vulkan-loader` (Fedora)",
            );
        }
        if adapters > 0 {
            return all;
        }
        let has = |vendor: &str| self.controllers.iter().any(|c| c.starts_with(vendor));
        let nvidia = has("NVIDIA") || self.nvidia_driver.is_some();
        if self.controllers.is_empty() && self.nvidia_driver.is_none() {
            say(
                "no graphics processor is on this machine's PCI bus",
                "run on the CPU lanes (--device cpu), which need nothing; in a virtual machine, pass a processor through",
            );
        }
        if nvidia && self.nvidia_driver.is_none() {
            say(
                "an NVIDIA processor is there, but its kernel driver is not loaded",
                "install NVIDIA's driver (`apt install nvidia-driver`) and reboot",
            );
        }
        if self.nvidia_driver.is_some() && !self.nvidia_nodes {
            say(
                "NVIDIA's kernel driver is loaded, but /dev/nvidiactl cannot be opened",
                "in a container: start it with `--gpus all`; else join the group that owns /dev/nvidia*",
            );
        }
        if self.nvidia_driver.is_some() && self.nvidia_vulkan.is_none() {
            let help = if self.container {
                "start the container with `-e NVIDIA_DRIVER_CAPABILITIES=all` (the default leaves graphics out)"
            } else {
                "install the driver's graphics part (`apt install libnvidia-gl` of the driver's own version)"
            };
            say(
                "NVIDIA's Vulkan library (libGLX_nvidia.so.0) is missing; CUDA alone does not bring it",
                help,
            );
        }
        if (has("AMD") || has("Intel")) && self.vulkan_drivers.is_empty() {
            say(
                "no Vulkan driver is installed",
                "install Mesa's: `apt install mesa-vulkan-drivers` (Debian, Ubuntu), `dnf install mesa-vulkan-drivers` (Fedora)",
            );
        }
        if let Some((node, _)) = self.render_nodes.iter().find(|(_, open)| !open) {
            say(
                &format!("{} may not be opened by this user", node.display()),
                "join its group: `sudo usermod -aG render,video $USER`, then log in again",
            );
        }
        if self.nvidia_driver.is_some() && self.vulkan_drivers.is_empty() {
            say(
                "no manifest tells the Vulkan loader of a driver",
                "reinstall the driver, or point VK_DRIVER_FILES at its nvidia_icd.json",
            );
        }
        all
    }
}

/// Display controllers below a folder of PCI devices.
fn controllers(devices: &Path) -> Vec<String> {
    let read = |device: &Path, file: &str| {
        std::fs::read_to_string(device.join(file)).map(|text| text.trim().to_owned())
    };
    let mut all: Vec<String> = files(devices, "")
        .iter()
        .filter(|device| read(device, "class").is_ok_and(|class| class.starts_with("0x03")))
        .filter_map(|device| {
            let (vendor, id) = (read(device, "vendor").ok()?, read(device, "device").ok()?);
            // Emulated display adapters of virtual machines do not compute.
            let (_, name) = VENDORS.iter().find(|(known, _)| *known == vendor)?;
            Some(format!("{name} {id}"))
        })
        .collect();
    all.sort();
    all
}

/// Where a shared library lies, as the dynamic loader would look for it by default.
fn library(name: &str) -> Option<PathBuf> {
    let own = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = [
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/lib64",
        "/usr/local/lib",
        "/usr/local/nvidia/lib64",
        "/usr/lib/wsl/lib",
    ];
    own.split(':')
        .filter(|folder| !folder.is_empty())
        .chain(folders)
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

/// Manifests of Vulkan drivers, from the variables that override the folders or else the folders.
fn vulkan_drivers() -> Vec<PathBuf> {
    for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Ok(named) = std::env::var(variable) {
            let existing = |path: &PathBuf| path.exists();
            return named
                .split(':')
                .map(PathBuf::from)
                .filter(existing)
                .collect();
        }
    }
    [
        "/usr/share/vulkan/icd.d",
        "/etc/vulkan/icd.d",
        "/usr/local/share/vulkan/icd.d",
    ]
    .iter()
    .flat_map(|folder| files(Path::new(folder), ""))
    .collect()
}

/// Files of `folder` whose names begin with `prefix`, sorted.
fn files(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    all.sort();
    all
}

fn opens(path: &Path) -> bool {
    std::fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose NVIDIA processor is ready for Vulkan.
    fn ready() -> Findings {
        Findings {
            controllers: vec!["NVIDIA 0x2330".into()],
            nvidia_driver: Some("580.0".into()),
            nvidia_nodes: true,
            vulkan_loader: Some("/usr/lib/libvulkan.so.1".into()),
            vulkan_drivers: vec!["/etc/vulkan/icd.d/nvidia_icd.json".into()],
            nvidia_vulkan: Some("/usr/lib/libGLX_nvidia.so.0".into()),
            ..Findings::default()
        }
    }

    fn problems(findings: &Findings) -> Vec<String> {
        findings.advice(0).into_iter().map(|a| a.problem).collect()
    }

    #[test]
    fn a_machine_that_is_ready_gets_no_advice() {
        assert_eq!(problems(&ready()), Vec::<String>::new());
    }

    #[test]
    fn each_broken_link_is_named() {
        let broken = [
            (
                Findings {
                    vulkan_loader: None,
                    ..ready()
                },
                "libvulkan.so.1",
            ),
            (
                Findings {
                    nvidia_driver: None,
                    ..ready()
                },
                "kernel driver is not loaded",
            ),
            (
                Findings {
                    nvidia_nodes: false,
                    ..ready()
                },
                "/dev/nvidiactl",
            ),
            (
                Findings {
                    nvidia_vulkan: None,
                    ..ready()
                },
                "libGLX_nvidia",
            ),
            (
                Findings {
                    vulkan_drivers: vec![],
                    ..ready()
                },
                "manifest",
            ),
            (
                Findings {
                    render_nodes: vec![("/dev/dri/renderD128".into(), false)],
                    ..ready()
                },
                "renderD128",
            ),
            (
                Findings {
                    vulkan_loader: ready().vulkan_loader,
                    ..Findings::default()
                },
                "no graphics processor",
            ),
        ];
        for (findings, word) in broken {
            let problems = problems(&findings);
            assert_eq!(problems.len(), 1, "{word}: {problems:?}");
            assert!(problems[0].contains(word), "{problems:?}");
        }
    }

    #[test]
    fn controllers_are_read_from_the_bus() {
        let bus = tempfile::tempdir().unwrap();
        for (name, class, vendor) in [
            ("a", "0x030200", "0x10de"),
            ("b", "0x020000", "0x10de"),
            ("c", "0x030000", "0x1234"),
        ] {
            let device = bus.path().join(name);
            std::fs::create_dir(&device).unwrap();
            for (file, text) in [("class", class), ("vendor", vendor), ("device", "0x2330")] {
                std::fs::write(device.join(file), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(controllers(bus.path()), ["NVIDIA 0x2330"]);
    }
}
