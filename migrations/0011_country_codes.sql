-- The country of a person is in lower case, whoever wrote it: an import kept it as its file had it.

update user_profile set country = lower(country) where country <> lower(country);
