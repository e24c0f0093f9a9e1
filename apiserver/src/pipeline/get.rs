//! Reads one object.

use steersman_core::api::{GetOptions, Target};
use steersman_core::{Error, Object, Result};

use super::status::Door;
use super::{Caller, Core, versions};

impl Core {
    /// Reads an object or a subresource of it.
    pub(crate) async fn get(&self, caller: &Caller, target: &Target, options: &GetOptions) -> Result<Object> {
        let request = self.open(caller, target, "get")?;
        match versions::parse(&options.resource_version)? {
            None => self.cache.current().await?,
            Some(revision) => self.cache.reach(revision).await?,
        };
        let collection = request.row.stored("get")?;
        let object = collection.get(&request.key());
        let object = object.ok_or_else(|| Error::not_found(&request.resource(), &target.name))?;
        match request.door(&request.row)? {
            Door::Object | Door::Status => self.shown(&request.row, object).await,
            Door::Other(handler) => Object::from_value(&handler.show(&object.to_value()?)?),
        }
    }
}
