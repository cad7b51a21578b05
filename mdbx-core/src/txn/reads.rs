//! The reads that both kinds of transactions have, each a short cut to [`TableRef`](crate::TableRef).

/// Adds the methods to a transaction type that has `table`, `main`, `pages` and `store`.
macro_rules! read_methods {
    ($txn:ty) => {
        impl $txn {
            /// Returns the handle of the table `name`.
            ///
            /// # Errors
            ///
            /// - [`Error::NoSuchTable`](crate::Error::NoSuchTable) if this transaction sees no such table.
            /// - [`Error::TablesFull`](crate::Error::TablesFull) if as many names as the environment allows are in use.
            #[doc(alias = "mdbx_dbi_open")]
            pub fn open_table(&self, name: impl AsRef<[u8]>) -> Result<Table> {
                let table = handle(self.store(), name.as_ref())?;
                self.table(table).map(|_| table)
            }

            /// Returns the value of `key`, the first one if it has several; `None` if there is no such key.
            ///
            /// # Errors
            ///
            /// As [`table`](Self::table), and [`Error::Corrupted`](crate::Error::Corrupted).
            #[inline]
            #[doc(alias = "mdbx_get")]
            pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>> {
                self.table(table)?.get(key)
            }

            /// Returns what [`get`](Self::get) returns for each of the keys, in their order, as
            /// [`TableRef::get_many`](crate::TableRef::get_many) does.
            ///
            /// # Errors
            ///
            /// Those of [`get`](Self::get).
            pub fn get_many<K: AsRef<[u8]>>(
                &self,
                table: Table,
                keys: &[K],
            ) -> Result<Vec<Option<&[u8]>>> {
                self.table(table)?.get_many(keys)
            }

            /// Returns the values of `key`, in order, from either end; none if there is no such key.
            ///
            /// # Errors
            ///
            /// As [`table`](Self::table), and [`Error::Corrupted`](crate::Error::Corrupted).
            pub fn dups(&self, table: Table, key: &[u8]) -> Result<Dups<'_>> {
                self.table(table)?.dups(key)
            }

            /// Returns the items whose keys lie in `bounds`, in order, from either end.
            ///
            /// # Errors
            ///
            /// As [`table`](Self::table). An item can be [`Error::Corrupted`](crate::Error::Corrupted).
            pub fn range<'k>(
                &self,
                table: Table,
                bounds: impl RangeBounds<&'k [u8]>,
            ) -> Result<Range<'_>> {
                Ok(self.table(table)?.range(bounds))
            }

            /// Returns a cursor that stands nowhere yet.
            ///
            /// # Errors
            ///
            /// As [`table`](Self::table).
            #[doc(alias = "mdbx_cursor_open")]
            pub fn cursor(&self, table: Table) -> Result<Cursor<'_>> {
                Ok(self.table(table)?.cursor())
            }

            /// Returns the number of items. Each value of a key counts.
            ///
            /// # Errors
            ///
            /// As [`table`](Self::table).
            pub fn len(&self, table: Table) -> Result<u64> {
                Ok(self.table(table)?.len())
            }

            /// Returns the names and kinds of all named tables, in the order of the main table.
            ///
            /// # Errors
            ///
            /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
            pub fn tables(&self) -> Result<Vec<(Vec<u8>, TableFlags)>> {
                let tables = self.main().named_tables()?.into_iter();
                Ok(tables
                    .map(|(name, root)| (name, TableFlags::from_bits(root.flags)))
                    .collect())
            }
        }
    };
}

pub(crate) use read_methods;
