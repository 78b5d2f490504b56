//! A policy as an ONNX model (opset 17): one input, `observations` `[batch, S]`; outputs `action` `[batch, A]`, the
//! deterministic one, then `mean`, `log_std`, and `sample`, an action drawn anew at every call.

use prost::Message;
use serde_json::Value;

use super::PolicyCard;
use super::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::data::to_layers;
use crate::policy::{ActionDistribution, Policy};

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = 1;

/// A graph in the making.
#[derive(Default)]
struct Builder {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl Builder {
    /// The value `output` = `op`(`inputs`); its name.
    fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.into()],
            name: format!("{op}_{output}"),
            op_type: op.into(),
        });
        output.into()
    }

    /// The constant `name`.
    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.initializers.push(TensorProto {
            dims: dims.iter().map(|n| *n as i64).collect(),
            data_type: FLOAT,
            name: name.into(),
            raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        });
        name.into()
    }

    /// Actions in [-1, 1] as controls, called `output`.
    fn controls(&mut self, action: &str, output: &str) {
        let scaled = self.node("Mul", &[action, "action_half"], &format!("{output}_scaled"));
        self.node("Add", &[&scaled, "action_middle"], output);
    }
}

/// The file's bytes.
pub fn encode(policy: &Policy, card: &PolicyCard) -> Vec<u8> {
    let mut graph = Builder::default();
    let mut x = "observations".to_owned();
    for (name, layer) in to_layers(policy) {
        // PyTorch's layout: the transposed weights are what is multiplied with.
        let turned = (0..layer.inputs)
            .flat_map(|i| (0..layer.outputs).map(move |o| o * layer.inputs + i))
            .map(|at| layer.weight[at]);
        let turned: Vec<f32> = turned.collect();
        let dims = [layer.inputs, layer.outputs];
        let weight = graph.constant(&format!("{name}.weight"), &dims, &turned);
        let bias = graph.constant(&format!("{name}.bias"), &dims[1..], &layer.bias);
        let out = graph.node("Gemm", &[&x, &weight, &bias], &format!("{name}_out"));
        if !name.starts_with("last_fc") {
            x = graph.node("Relu", &[&out], &format!("{name}_relu"));
        }
    }
    let scale = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
    graph.constant(
        "action_middle",
        &[card.actions],
        &scale(&card.action_middle),
    );
    graph.constant("action_half", &[card.actions], &scale(&card.action_half));
    let [low, high] = card.log_std;
    graph.constant("log_std_low", &[], &[low]);
    graph.constant("log_std_high", &[], &[high]);
    let bounds = ["last_fc_log_std_out", "log_std_low", "log_std_high"];
    graph.node("Clip", &bounds, "log_std");
    graph.node("Exp", &["log_std"], "std");
    graph.node("RandomNormalLike", &["last_fc_out"], "noise");
    graph.node("Mul", &["std", "noise"], "deviation");
    match policy.distribution {
        ActionDistribution::TanhGaussian => {
            graph.node("Identity", &["last_fc_out"], "mean");
            graph.node("Tanh", &["mean"], "unit_action");
            graph.node("Add", &["mean", "deviation"], "drawn");
            graph.node("Tanh", &["drawn"], "unit_sample");
        }
        ActionDistribution::ClippedGaussian => {
            graph.node("Identity", &["last_fc_out"], "mean");
            graph.node("Tanh", &["mean"], "unit_action");
            graph.node("Add", &["unit_action", "deviation"], "drawn");
            graph.constant("lowest", &[], &[-1.0]);
            graph.constant("highest", &[], &[1.0]);
            graph.node("Clip", &["drawn", "lowest", "highest"], "unit_sample");
        }
    }
    graph.controls("unit_action", "action");
    graph.controls("unit_sample", "sample");
    let actions = |name: &str, doc: &str| value(name, card.actions, doc);
    let model = ModelProto {
        ir_version: 8,
        producer_name: "h2oplus".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        metadata_props: metadata(card),
        graph: Some(GraphProto {
            name: "policy".into(),
            node: graph.nodes,
            initializer: graph.initializers,
            input: vec![value(
                "observations",
                card.observations,
                "As the task observes its robot",
            )],
            output: vec![
                actions("action", "The deterministic action: controls of the motors"),
                actions("mean", "μ of the normal, before the tanh"),
                actions("log_std", "log σ"),
                actions(
                    "sample",
                    "An action drawn from the policy, another one at every call",
                ),
            ],
        }),
    };
    model.encode_to_vec()
}

/// Float32 `[batch, width]`.
fn value(name: &str, width: usize, doc: &str) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_param: Some("batch".into()),
        dim_value: None,
    };
    let width = DimensionProto {
        dim_param: None,
        dim_value: Some(width as i64),
    };
    let shape = Some(TensorShapeProto {
        dim: vec![batch, width],
    });
    ValueInfoProto {
        name: name.into(),
        doc_string: doc.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: FLOAT,
                shape,
            }),
        }),
    }
}

/// The card, key by key: texts as they are, the rest as JSON.
fn metadata(card: &PolicyCard) -> Vec<StringStringEntryProto> {
    let card = serde_json::to_value(card).unwrap_or_default();
    let pairs = card.as_object().into_iter().flatten();
    let entry = |(key, value): (&String, &Value)| StringStringEntryProto {
        key: key.clone(),
        value: value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    };
    pairs.map(entry).collect()
}
