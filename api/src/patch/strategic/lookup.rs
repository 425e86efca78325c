//! What the schema says about the place where a patch is being merged.

use crate::patch::Error;
use crate::quote::quote;
use crate::schema::{Def, PatchStrategy, Shape, Type};

/// What is known about an object.
#[derive(Clone, Copy)]
pub(super) enum Context {
    /// It has the fields of a definition.
    Struct(&'static Def),
    /// It is a map with values of one type.
    Map(&'static Type),
    /// Nothing is known.
    Untyped,
}

/// What is known about a field.
#[derive(Clone, Copy)]
pub(super) struct Field {
    ty: Option<&'static Type>,
    pub(super) strategy: PatchStrategy,
    /// Empty for lists of scalars.
    pub(super) merge_key: &'static str,
}

impl Context {
    /// Looks a field up.
    ///
    /// # Errors
    /// When the definition has no such field.
    pub(super) fn field(self, name: &str) -> Result<Field, Error> {
        match self {
            Self::Untyped => Ok(Field { ty: None, strategy: PatchStrategy::default(), merge_key: "" }),
            Self::Map(ty) => Ok(Field { ty: Some(ty), strategy: PatchStrategy::default(), merge_key: "" }),
            Self::Struct(def) => {
                let field = def.field(name).ok_or_else(|| {
                    let (owner, name) = (def.short_name(), quote(name));
                    Error::Unmergeable(format!("unable to find api field in struct {owner} for the json field {name}"))
                })?;
                Ok(Field {
                    ty: Some(field.ty()),
                    strategy: field.patch_strategy(),
                    merge_key: field.patch_merge_key().unwrap_or_default(),
                })
            }
        }
    }

    fn of(ty: Option<&'static Type>) -> Self {
        match ty {
            Some(Type::Map(values)) => Self::Map(values),
            Some(ty) => ty.def().filter(|d| d.shape() == Shape::Struct).map_or(Self::Untyped, Self::Struct),
            None => Self::Untyped,
        }
    }
}

impl Field {
    /// Returns what is known about the object in the field.
    pub(super) fn object(&self) -> Context {
        Context::of(self.ty)
    }

    /// Returns what is known about the items of the list in the field.
    pub(super) fn item(&self) -> Context {
        Context::of(self.ty.and_then(Type::item))
    }
}
