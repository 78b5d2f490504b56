//! Pipelines: a composed kernel and the buffers that it sees.

use crate::error::Result;
use crate::gpu::compose::{Shader, compose};
use crate::gpu::constants::Constants;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use wgpu::naga;

/// A kernel compiled for a model. Its bindings are those that the shader names, all in group 0.
pub(crate) struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// Bindings that the kernel uses.
    bindings: Vec<u32>,
    label: &'static str,
}

/// Pipelines by what they were made from.
pub(super) type Cache = Mutex<HashMap<String, Arc<Pipeline>>>;

impl Pipeline {
    /// What it is made from, as a text: pipelines of one text are the same.
    pub(super) fn key(kernel: Shader, constants: &[&Constants], defs: &[&str]) -> String {
        let texts = constants
            .iter()
            .map(|c| format!("{}{:?}{:?}", c.text(), c.defs(), c.known_literals()));
        format!("{}{defs:?}{}", kernel.stem, texts.collect::<String>())
    }

    /// `kernel` for a model.
    ///
    /// # Errors
    /// Where the shader fails.
    pub(super) fn compile(
        device: &wgpu::Device,
        kernel: Shader,
        constants: &[&Constants],
        defs: &[&str],
    ) -> Result<Self> {
        let module = compose(kernel, constants, defs)?;
        let (bindings, entries) = layout_entries(&module);
        let label = Some(kernel.stem);
        // SAFETY: kernels return before touching an environment beyond `num_envs`, whose buffers
        // have room for it, index private arrays by constants, and leave every loop after a bounded
        // number of passes.
        let shader = unsafe {
            device.create_shader_module_trusted(
                wgpu::ShaderModuleDescriptor {
                    label,
                    source: wgpu::ShaderSource::Naga(Cow::Owned(module)),
                },
                wgpu::ShaderRuntimeChecks::unchecked(),
            )
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &shader,
            entry_point: Some(kernel.stem),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Ok(Self {
            pipeline,
            layout,
            bindings,
            label: kernel.stem,
        })
    }

    /// Binds the buffers that the kernel uses among `buffers` (binding, buffer); of the uniform one
    /// `window` bytes at an offset given with each dispatch.
    pub(crate) fn bind(
        &self,
        device: &wgpu::Device,
        buffers: &[(u32, &wgpu::Buffer)],
        window: u64,
    ) -> wgpu::BindGroup {
        let used = buffers
            .iter()
            .filter(|(binding, _)| self.bindings.contains(binding));
        let entries: Vec<_> = used
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: *binding,
                resource: if *binding == UNIFORM {
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset: 0,
                        size: wgpu::BufferSize::new(window),
                    })
                } else {
                    buffer.as_entire_binding()
                },
            })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.label),
            layout: &self.layout,
            entries: &entries,
        })
    }

    /// Records a dispatch of `workgroups` with the uniforms at `offset`.
    pub(crate) fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        group: &wgpu::BindGroup,
        offset: u32,
        workgroups: u32,
    ) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, group, &[offset]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    }
}

/// Binding of the uniform buffer, `dispatch`.
pub(crate) const UNIFORM: u32 = 5;

/// The bindings that a kernel uses, as its shader declares them.
fn layout_entries(module: &naga::Module) -> (Vec<u32>, Vec<wgpu::BindGroupLayoutEntry>) {
    let mut entries = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        let Some(place) = &variable.binding else {
            continue;
        };
        let (ty, has_dynamic_offset) = match variable.space {
            naga::AddressSpace::Uniform => (wgpu::BufferBindingType::Uniform, true),
            naga::AddressSpace::Storage { access } => {
                let read_only = !access.contains(naga::StorageAccess::STORE);
                (wgpu::BufferBindingType::Storage { read_only }, false)
            }
            _ => continue,
        };
        entries.push(wgpu::BindGroupLayoutEntry {
            binding: place.binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset,
                min_binding_size: None,
            },
            count: None,
        });
    }
    (entries.iter().map(|e| e.binding).collect(), entries)
}
