//! What the table is made of.

use super::get;

/// The place of a definition in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DefId(pub(super) u16);

/// Group, version and kind that a definition describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gvk<'a> {
    /// Group; empty for the core group.
    pub group: &'a str,
    /// Version.
    pub version: &'a str,
    /// Kind.
    pub kind: &'a str,
}

/// The JSON form of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object with the listed fields (perhaps none).
    Struct,
    /// A quantity: string or number.
    Quantity,
    /// A 32 bit number or a string.
    IntOrString,
    /// RFC 3339 with whole seconds, or null.
    Time,
    /// RFC 3339 with microseconds, or null.
    MicroTime,
    /// An object that nothing is known about.
    Object,
    /// Any JSON.
    Any,
}

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Scalars, each once.
    Set,
    /// Objects told apart by their keys.
    Map,
}

/// How a map or object is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapType {
    /// Replaced as a whole.
    Atomic,
    /// Field by field.
    Granular,
}

/// How a strategic merge patch treats a field. Neither flag: lists are replaced, objects merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PatchStrategy {
    /// Lists are merged item by item.
    pub merge: bool,
    /// `$retainKeys` clears the fields that are not named.
    pub retain_keys: bool,
}

/// The type of a field.
#[derive(Debug)]
pub enum Type {
    /// Text.
    String,
    /// Bytes as base64 text.
    Bytes,
    /// 32 bit integer.
    Int32,
    /// 64 bit integer.
    Int64,
    /// Boolean.
    Bool,
    /// Floating point number.
    Double,
    /// A value of another definition.
    Ref(DefId),
    /// A list of items.
    List(Box<Type>),
    /// A map from strings to values.
    Map(Box<Type>),
}

/// A field of a definition.
#[derive(Debug)]
pub struct Field {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) required: bool,
    /// Most fields are plain and carry none of this.
    pub(super) extra: Option<Box<Extra>>,
}

#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) list_type: Option<ListType>,
    pub(super) map_type: Option<MapType>,
    pub(super) map_keys: Box<[&'static str]>,
    pub(super) patch_strategy: PatchStrategy,
    pub(super) patch_merge_key: Option<&'static str>,
    pub(super) default_json: Option<&'static str>,
}

/// Fields of which at most one is set.
#[derive(Debug)]
pub struct Union {
    /// The field that names the one that is set; empty when there is none.
    pub discriminator: &'static str,
    /// Pairs of a field and its value in the discriminator.
    pub members: Box<[(&'static str, &'static str)]>,
}

/// A definition: one API type.
#[derive(Debug)]
pub struct Def {
    pub(super) id: DefId,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) map_type: Option<MapType>,
    pub(super) fields: Vec<Field>,
    pub(super) gvks: Vec<Gvk<'static>>,
    pub(super) unions: Vec<Union>,
}

impl Def {
    /// Returns the place in the table.
    pub const fn id(&self) -> DefId {
        self.id
    }

    /// Returns the full name, such as `io.k8s.api.apps.v1.Deployment`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the last part of the name, such as `Deployment`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Returns the last part but one, such as `v1`.
    pub fn package(&self) -> &'static str {
        self.name.rsplit('.').nth(1).unwrap_or_default()
    }

    /// Returns the JSON form.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns how the object is merged, when something is said about it.
    pub const fn map_type(&self) -> Option<MapType> {
        self.map_type
    }

    /// Returns the fields, sorted by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns a field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.binary_search_by(|f| f.name.cmp(name)).ok().and_then(|i| self.fields.get(i))
    }

    /// Returns the kinds this definition describes.
    pub fn gvks(&self) -> &[Gvk<'static>] {
        &self.gvks
    }

    /// Returns the unions.
    pub fn unions(&self) -> &[Union] {
        &self.unions
    }
}

impl Field {
    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the type.
    pub const fn ty(&self) -> &Type {
        &self.ty
    }

    /// Says whether an object without it is refused by validation.
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Returns how the list is merged, when something is said about it.
    pub fn list_type(&self) -> Option<ListType> {
        self.extra.as_ref()?.list_type
    }

    /// Returns how the map is merged, when something is said about it.
    pub fn map_type(&self) -> Option<MapType> {
        self.extra.as_ref()?.map_type
    }

    /// Returns the fields that tell the items of the list apart.
    pub fn map_keys(&self) -> &[&'static str] {
        self.extra.as_ref().map_or(&[], |e| &e.map_keys)
    }

    /// Returns how a strategic merge patch treats the field.
    pub fn patch_strategy(&self) -> PatchStrategy {
        self.extra.as_ref().map_or(PatchStrategy::default(), |e| e.patch_strategy)
    }

    /// Returns the field that tells items apart in a strategic merge patch.
    pub fn patch_merge_key(&self) -> Option<&'static str> {
        self.extra.as_ref()?.patch_merge_key
    }

    /// Returns the default that server-side apply fills in, as JSON text.
    pub fn default_json(&self) -> Option<&'static str> {
        self.extra.as_ref()?.default_json
    }
}

impl PatchStrategy {
    /// Returns the text as OpenAPI shows it; empty when there is no strategy.
    pub const fn as_str(self) -> &'static str {
        match (self.merge, self.retain_keys) {
            (true, true) => "merge,retainKeys",
            (true, false) => "merge",
            (false, true) => "retainKeys",
            (false, false) => "",
        }
    }
}

impl Type {
    /// Returns the definition a reference names.
    pub fn def(&self) -> Option<&'static Def> {
        match self {
            Self::Ref(id) => Some(get(*id)),
            _ => None,
        }
    }

    /// Returns the type of a list's items or a map's values.
    pub const fn item(&self) -> Option<&Self> {
        match self {
            Self::List(item) | Self::Map(item) => Some(item),
            _ => None,
        }
    }

    /// Returns the type's name in Go, as messages show it: `int32`, `[]v1.Container`, `map[string]string`.
    pub fn go_name(&self) -> String {
        match self {
            Self::String => "string".to_owned(),
            Self::Bytes => "[]uint8".to_owned(),
            Self::Int32 => "int32".to_owned(),
            Self::Int64 => "int64".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Double => "float64".to_owned(),
            Self::Ref(id) => get(*id).go_name(),
            Self::List(item) => format!("[]{}", item.go_name()),
            Self::Map(item) => format!("map[string]{}", item.go_name()),
        }
    }
}

impl Def {
    /// Returns the type's name in Go, such as `v1.DeploymentSpec`.
    pub fn go_name(&self) -> String {
        format!("{}.{}", self.package(), self.short_name())
    }
}
