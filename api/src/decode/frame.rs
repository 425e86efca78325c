//! Where a walk stands: a chain of frames on the stack, rendered only when something is wrong.

use crate::schema::Def;

#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    parent: Option<&'a Frame<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    /// A field of a definition; without one when the type is not known.
    Field(Option<&'a Def>, &'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Frame<'a> {
    pub(super) const ROOT: Self = Frame { parent: None, step: Step::Root };

    pub(super) fn field(&'a self, def: Option<&'a Def>, name: &'a str) -> Self {
        Frame { parent: Some(self), step: Step::Field(def, name) }
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Frame { parent: Some(self), step: Step::Index(index) }
    }

    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Frame { parent: Some(self), step: Step::Key(key) }
    }

    /// Renders `spec.containers[0].name`.
    pub(super) fn path(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Field(_, name) | Step::Key(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }

    /// Renders what Go says about the place of a wrong type: `struct field DeploymentSpec.spec.replicas`, or `value`.
    pub(super) fn go_place(&self) -> String {
        let mut fields = Vec::new();
        let mut owner = None;
        let mut at = Some(self);
        while let Some(frame) = at {
            if let Step::Field(def, name) = frame.step {
                owner = owner.or(def);
                fields.push(name);
            }
            at = frame.parent;
        }
        match owner {
            None => "value".to_owned(),
            Some(def) => {
                fields.reverse();
                format!("struct field {}.{}", def.short_name(), fields.join("."))
            }
        }
    }
}
