//! What of MJCF is read, what is accepted without effect on the dynamics; the rest is refused.

use super::layers::Element;

pub(super) const ROOT: Element = Element {
    attributes: &["model"],
    ignored_attributes: &[],
    children: &[
        "compiler",
        "option",
        "default",
        "worldbody",
        "contact",
        "actuator",
    ],
    ignored_children: &[
        "asset",
        "visual",
        "statistic",
        "size",
        "custom",
        "sensor",
        "keyframe",
    ],
};
pub(super) const COMPILER: Element = Element {
    attributes: &[
        "angle",
        "coordinate",
        "inertiafromgeom",
        "settotalmass",
        "autolimits",
        "eulerseq",
    ],
    ignored_attributes: &[
        "meshdir",
        "texturedir",
        "assetdir",
        "strippath",
        "usethread",
    ],
    children: &[],
    ignored_children: &["lengthrange"],
};
pub(super) const OPTION: Element = Element {
    attributes: &[
        "timestep",
        "gravity",
        "integrator",
        "cone",
        "impratio",
        "noslip_iterations",
    ],
    // The constraint problem is solved to its exact minimum, whatever solver and budget MuJoCo is asked for.
    ignored_attributes: &[
        "solver",
        "iterations",
        "tolerance",
        "ls_iterations",
        "ls_tolerance",
        "noslip_tolerance",
        "jacobian",
        "ccd_iterations",
        "ccd_tolerance",
        "mpr_iterations",
        "mpr_tolerance",
        "sdf_iterations",
        "sdf_initpoints",
        "apirate",
    ],
    children: &[],
    ignored_children: &[],
};
pub(super) const WORLDBODY: Element = Element {
    attributes: &[],
    ignored_attributes: &[],
    children: &["geom", "body"],
    ignored_children: &["light", "camera", "site"],
};
pub(super) const BODY: Element = Element {
    attributes: &["name", "childclass", "pos", "axisangle", "quat", "euler"],
    ignored_attributes: &["user"],
    children: &["joint", "geom", "body"],
    ignored_children: &["light", "camera", "site"],
};
pub(super) const JOINT: Element = Element {
    attributes: &[
        "name",
        "class",
        "type",
        "pos",
        "axis",
        "limited",
        "range",
        "armature",
        "damping",
        "stiffness",
        "springref",
        "ref",
        "solreflimit",
        "solimplimit",
    ],
    ignored_attributes: &["group", "user"],
    children: &[],
    ignored_children: &[],
};
pub(super) const GEOM: Element = Element {
    attributes: &[
        "name",
        "class",
        "type",
        "size",
        "fromto",
        "pos",
        "axisangle",
        "quat",
        "euler",
        "friction",
        "condim",
        "contype",
        "conaffinity",
        "solref",
        "solimp",
        "margin",
        "density",
        "mass",
    ],
    ignored_attributes: &["rgba", "material", "group", "user"],
    children: &[],
    ignored_children: &[],
};
pub(super) const MOTOR: Element = Element {
    attributes: &["name", "class", "joint", "gear", "ctrllimited", "ctrlrange"],
    ignored_attributes: &["group", "user"],
    children: &[],
    ignored_children: &[],
};
pub(super) const DEFAULT: Element = Element {
    attributes: &["class"],
    ignored_attributes: &[],
    children: &["default", "joint", "geom", "motor"],
    ignored_children: &["mesh", "material", "site", "camera", "light"],
};
pub(super) const CONTACT: Element = Element {
    attributes: &[],
    ignored_attributes: &[],
    children: &["exclude"],
    ignored_children: &[],
};
pub(super) const EXCLUDE: Element = Element {
    attributes: &["body1", "body2"],
    ignored_attributes: &["name"],
    children: &[],
    ignored_children: &[],
};
pub(super) const ACTUATOR: Element = Element {
    attributes: &[],
    ignored_attributes: &[],
    children: &["motor"],
    ignored_children: &[],
};

/// What a file may hold below <default>, to check defaults that no element uses.
pub(super) fn default_element(tag: &str) -> Option<&'static Element> {
    match tag {
        "joint" => Some(&JOINT),
        "geom" => Some(&GEOM),
        "motor" => Some(&MOTOR),
        _ => None,
    }
}
