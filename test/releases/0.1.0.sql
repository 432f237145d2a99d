-- canteen-edge 0.1.0, sha256 186081635ca0fc29
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE migration (
    folder TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 1),
    name TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    PRIMARY KEY (folder, position)
  ) STRICT;
CREATE TABLE journal (
          seq INTEGER PRIMARY KEY CHECK (seq >= 1),
          id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
          kind TEXT NOT NULL CHECK (length(kind) BETWEEN 3 AND 64),
          at_ms INTEGER NOT NULL,
          time_trust TEXT NOT NULL CHECK (time_trust IN ('synced', 'held', 'unknown')),
          body TEXT NOT NULL CHECK (json_valid(body) AND length(CAST(body AS BLOB)) <= 65536),
          prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
          hash TEXT NOT NULL CHECK (length(hash) = 64)
        ) STRICT;
CREATE TABLE journal_receipt (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0)
        ) STRICT;
CREATE TABLE journal_projection (
          name TEXT PRIMARY KEY,
          schema_sha256 TEXT NOT NULL,
          tables TEXT NOT NULL CHECK (json_valid(tables))
        ) STRICT;
CREATE TABLE operator (
          operator_id TEXT PRIMARY KEY CHECK (length(operator_id) BETWEEN 1 AND 64),
          display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 64),
          role TEXT NOT NULL CHECK (role IN ('cashier', 'keeper', 'manager')),
          pin_hash TEXT NOT NULL CHECK (pin_hash LIKE 'scrypt$%')
        , person_id TEXT CHECK (length(person_id) BETWEEN 1 AND 128)) STRICT;
CREATE TABLE pin_attempt (
          subject TEXT PRIMARY KEY,
          wrong_count INTEGER NOT NULL CHECK (wrong_count >= 1),
          locked_at_ms INTEGER,
          touched_at_ms INTEGER NOT NULL
        ) STRICT;
CREATE TABLE roster_state (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          version INTEGER NOT NULL CHECK (version >= 0)
        ) STRICT;
CREATE TABLE roster_snapshot_part (
          part INTEGER PRIMARY KEY CHECK (part BETWEEN 1 AND parts),
          parts INTEGER NOT NULL,
          to_version INTEGER NOT NULL,
          people TEXT NOT NULL CHECK (json_valid(people))
        ) STRICT;
CREATE TABLE person (
          person_id TEXT PRIMARY KEY,
          number TEXT NOT NULL UNIQUE,
          display_name TEXT NOT NULL,
          group_name TEXT NOT NULL,
          kind TEXT NOT NULL CHECK (kind IN ('student', 'staff', 'guest')),
          active INTEGER NOT NULL CHECK (active IN (0, 1)),
          allergens TEXT NOT NULL CHECK (json_valid(allergens)),
          limits TEXT NOT NULL CHECK (json_valid(limits)),
          pin_hash TEXT
        ) STRICT;
CREATE TABLE account (
          person_id TEXT PRIMARY KEY REFERENCES person (person_id) ON DELETE CASCADE,
          balance_fen INTEGER NOT NULL,
          through_seq INTEGER NOT NULL CHECK (through_seq >= 0)
        ) STRICT;
CREATE TABLE card (
          card_token TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person (person_id) ON DELETE CASCADE
        ) STRICT;
CREATE TABLE consent (
          person_id TEXT NOT NULL REFERENCES person (person_id) ON DELETE CASCADE,
          scope TEXT NOT NULL CHECK (scope IN ('face', 'share-template')),
          granted_by TEXT NOT NULL CHECK (granted_by IN ('self', 'guardian')),
          granted_at_ms INTEGER NOT NULL,
          withdrawn_at_ms INTEGER CHECK (withdrawn_at_ms >= granted_at_ms),
          PRIMARY KEY (person_id, scope)
        ) STRICT;
CREATE TABLE person_key (
          person_id TEXT PRIMARY KEY REFERENCES person (person_id),
          wrapped BLOB NOT NULL
        ) STRICT;
CREATE TABLE template (
          template_id TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person_key (person_id) ON DELETE CASCADE,
          model_id TEXT NOT NULL,
          enrolment_id TEXT NOT NULL,
          enrolled_at_ms INTEGER NOT NULL,
          origin TEXT NOT NULL CHECK (origin IN ('local', 'shared')),
          quality REAL NOT NULL,
          sealed BLOB NOT NULL
        ) STRICT;
CREATE TABLE template_share (
          share_id TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person_key (person_id) ON DELETE CASCADE,
          model_id TEXT NOT NULL,
          confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1))
        ) STRICT;
CREATE TABLE meal_plan (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        version TEXT NOT NULL,
        plan TEXT NOT NULL CHECK (json_valid(plan))
      ) STRICT;
CREATE TABLE sync_command (
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL
      ) STRICT;
CREATE TABLE photo (
        sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
        bytes INTEGER NOT NULL CHECK (bytes > 0),
        size TEXT NOT NULL CHECK (size IN ('photo', 'thumbnail')),
        media_type TEXT NOT NULL CHECK (media_type IN ('image/jpeg', 'image/webp')),
        stored_at_ms INTEGER NOT NULL,
        claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
        acked_at_ms INTEGER,
        problem TEXT CHECK (problem IN ('photo-missing', 'photo-changed'))
      ) STRICT;
CREATE TABLE order_book (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        revision INTEGER NOT NULL
      ) STRICT;
CREATE TABLE purchase_order (
        order_id TEXT NOT NULL,
        version INTEGER NOT NULL CHECK (version >= 1),
        is_newest INTEGER NOT NULL CHECK (is_newest IN (0, 1)),
        due_date TEXT NOT NULL,
        content TEXT NOT NULL CHECK (json_valid(content)),
        saved_at_ms INTEGER NOT NULL,
        PRIMARY KEY (order_id, version)
      ) STRICT;
CREATE TABLE charge (
  charge_id TEXT PRIMARY KEY CHECK (length(charge_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  business_date TEXT NOT NULL CHECK (business_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  period_id TEXT NOT NULL CHECK (length(period_id) >= 1),
  claim_no INTEGER NOT NULL CHECK (claim_no >= 1),
  amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),
  voided_seq INTEGER UNIQUE CHECK (voided_seq > seq)
) STRICT;
CREATE TABLE meal_claim (
  person_id TEXT NOT NULL,
  business_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  claim_no INTEGER NOT NULL CHECK (claim_no >= 1),
  charge_id TEXT NOT NULL UNIQUE REFERENCES charge (charge_id),
  PRIMARY KEY (person_id, business_date, period_id, claim_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE account_effect (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  at_ms INTEGER NOT NULL,
  amount_fen INTEGER NOT NULL,
  person_sum_fen INTEGER NOT NULL,
  device_sum_fen INTEGER NOT NULL
) STRICT;
CREATE TABLE refusal_noted (
  person_id TEXT NOT NULL,
  business_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  PRIMARY KEY (person_id, business_date, period_id, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE identity_dispute (
  dispute_id TEXT PRIMARY KEY CHECK (length(dispute_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  charge_id TEXT NOT NULL UNIQUE CHECK (length(charge_id) = 36),
  charged INTEGER NOT NULL CHECK (charged IN (0, 1)),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  other_person_id TEXT CHECK (length(other_person_id) >= 1),
  model TEXT NOT NULL,
  similarity REAL NOT NULL CHECK (similarity BETWEEN -1 AND 1),
  business_date TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('journal', 1, 'entries, receipts and projections', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('security', 1, 'operators and PIN attempts', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('security', 2, 'the operator''s face', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('roster', 1, 'people, consent and templates', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('serving-line', 1, 'meal plan from the cloud', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('sync', 1, 'commands applied', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('photos', 1, 'photos by hash', 1788235200000);
INSERT INTO "migration" ("folder", "position", "name", "applied_at_ms") VALUES ('receiving', 1, 'purchase orders', 1788235200000);
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (1, '01a05b1f-b600-74da-b298-768536ca40fd', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-01","chargeId":"01a05b1f-b600-74da-b298-768536ca40fd","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-1","priceFen":1200,"question":null,"subsidyFen":200}', '0000000000000000000000000000000000000000000000000000000000000000', '93a6041a7c29722756a5b551b21306a1a6ed8cea25d7bd1421ca7ad3d73f2912');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (2, '01a05b1f-b600-754b-a374-60decbca3818', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-02","chargeId":"01a05b1f-b600-754b-a374-60decbca3818","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-2","priceFen":1200,"question":null,"subsidyFen":200}', '93a6041a7c29722756a5b551b21306a1a6ed8cea25d7bd1421ca7ad3d73f2912', 'fd0ba6c609c0bdb952d97ff3920c9bc4e542d59f3754ab132d7d32d9b95bb699');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (3, '01a05b1f-b600-768d-b28a-ac624e3443ee', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-03","chargeId":"01a05b1f-b600-768d-b28a-ac624e3443ee","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-3","priceFen":1200,"question":null,"subsidyFen":200}', 'fd0ba6c609c0bdb952d97ff3920c9bc4e542d59f3754ab132d7d32d9b95bb699', 'bb0c449c01d721bf2dab11d51ed49262c54d6161fa093977085b6dc077d267af');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (4, '01a05b1f-b600-7633-b897-4ae4866daf58', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-04","chargeId":"01a05b1f-b600-7633-b897-4ae4866daf58","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-1","priceFen":1200,"question":null,"subsidyFen":200}', 'bb0c449c01d721bf2dab11d51ed49262c54d6161fa093977085b6dc077d267af', '03ab26924ce69f9e7fcff761948f50bf173e8f73718ab98382b4a85f3d5482a2');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (5, '01a05b1f-b600-721a-941d-4ddfa65b5a99', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-01","chargeId":"01a05b1f-b600-721a-941d-4ddfa65b5a99","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-2","priceFen":1200,"question":null,"subsidyFen":200}', '03ab26924ce69f9e7fcff761948f50bf173e8f73718ab98382b4a85f3d5482a2', 'ab1522c942fa30acbda2000fbfe0ce032fdfbacd686ed7b65954d70b0286ad0e');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (6, '01a05b1f-b600-711d-8092-d6a44b8bec12', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-02","chargeId":"01a05b1f-b600-711d-8092-d6a44b8bec12","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-3","priceFen":1200,"question":null,"subsidyFen":200}', 'ab1522c942fa30acbda2000fbfe0ce032fdfbacd686ed7b65954d70b0286ad0e', '04b35e21ab9edb7d1848d5e6c151f86196a85964a414f07a7eecf803725450ae');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (7, '01a05b1f-b600-7474-8c57-fe03dc1c649b', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-03","chargeId":"01a05b1f-b600-7474-8c57-fe03dc1c649b","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-1","priceFen":1200,"question":null,"subsidyFen":200}', '04b35e21ab9edb7d1848d5e6c151f86196a85964a414f07a7eecf803725450ae', '00658d897e48bfa8dac86bde00b0e35bb2bf2a0e130c6ed5b0c9050bf1ff8c56');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (8, '01a05b1f-b600-71e8-a828-a73c27a39c04', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-04","chargeId":"01a05b1f-b600-71e8-a828-a73c27a39c04","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-2","priceFen":1200,"question":null,"subsidyFen":200}', '00658d897e48bfa8dac86bde00b0e35bb2bf2a0e130c6ed5b0c9050bf1ff8c56', 'ab5b33845bed1fcee3b07116ca9a1c7b871d37ac4fa88027501b1891a4b58c24');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (9, '01a05b1f-b600-725a-b3d4-16eb06d28a90', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-01","chargeId":"01a05b1f-b600-725a-b3d4-16eb06d28a90","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-3","priceFen":1200,"question":null,"subsidyFen":200}', 'ab5b33845bed1fcee3b07116ca9a1c7b871d37ac4fa88027501b1891a4b58c24', '84d12bd66150c48365ca5a9e1c458e44b6c8346fc98070cfd202e3b13ffa316b');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (10, '01a05b1f-b600-7018-b2bf-73c41066bc34', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-02","chargeId":"01a05b1f-b600-7018-b2bf-73c41066bc34","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-1","priceFen":1200,"question":null,"subsidyFen":200}', '84d12bd66150c48365ca5a9e1c458e44b6c8346fc98070cfd202e3b13ffa316b', '86ce5b3783b5af18ec4db18ab97365326588d9a99d80c69542956b965fd1f808');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (11, '01a05b1f-b600-74df-955b-a5a077996f34', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-03","chargeId":"01a05b1f-b600-74df-955b-a5a077996f34","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-2","priceFen":1200,"question":null,"subsidyFen":200}', '86ce5b3783b5af18ec4db18ab97365326588d9a99d80c69542956b965fd1f808', 'c7ad73d7dddefbc4e323456b76bb1a9247db81dbf238ace6e03654d55ed6dc43');
INSERT INTO "journal" ("seq", "id", "kind", "at_ms", "time_trust", "body", "prev_hash", "hash") VALUES (12, '01a05b1f-b600-7282-9fd1-177e53f9a17a', 'charge.made', 1788235200000, 'unknown', '{"activation":"touch","allergensConfirmed":[],"amountFen":1000,"businessDate":"2026-09-04","chargeId":"01a05b1f-b600-7282-9fd1-177e53f9a17a","claimNo":1,"decision":null,"items":[],"mealPlanVersion":"demo-1","method":"card","operatorId":null,"overrideReason":null,"periodId":"lunch","periodName":{"en":"Lunch","zh":"午餐"},"personId":"p-3","priceFen":1200,"question":null,"subsidyFen":200}', 'c7ad73d7dddefbc4e323456b76bb1a9247db81dbf238ace6e03654d55ed6dc43', '6c5e1b366b0776f3f71e73d2e732d10becd8922c9e47ac18348063bdfa6a4ab1');
INSERT INTO "journal_receipt" ("only", "acked_seq") VALUES (1, 5);
INSERT INTO "journal_projection" ("name", "schema_sha256", "tables") VALUES ('serving-line-ledger', '7da02a2ef3d8fec263d8bc1233fc413e4d93e261e556604e952433d8f1f57a4d', '["meal_claim","charge","account_effect","refusal_noted"]');
INSERT INTO "journal_projection" ("name", "schema_sha256", "tables") VALUES ('roster-disputes', '4456dc836203500a7b7f51277a6f42206d7f6a256c8db73e91cbdce972a91104', '["identity_dispute"]');
INSERT INTO "roster_state" ("only", "version") VALUES (1, 1);
INSERT INTO "person" ("person_id", "number", "display_name", "group_name", "kind", "active", "allergens", "limits", "pin_hash") VALUES ('p-1', 'n-p-1', 'Name p-1', 'Class 1', 'student', 1, '[]', '{"perChargeFenMax":null,"perDayFenMax":null,"overdraftFenMax":null,"blockedPeriodIds":[]}', NULL);
INSERT INTO "person" ("person_id", "number", "display_name", "group_name", "kind", "active", "allergens", "limits", "pin_hash") VALUES ('p-2', 'n-p-2', 'Name p-2', 'Class 1', 'student', 1, '[]', '{"perChargeFenMax":null,"perDayFenMax":null,"overdraftFenMax":null,"blockedPeriodIds":[]}', NULL);
INSERT INTO "person" ("person_id", "number", "display_name", "group_name", "kind", "active", "allergens", "limits", "pin_hash") VALUES ('p-3', 'n-p-3', 'Name p-3', 'Class 1', 'student', 1, '[]', '{"perChargeFenMax":null,"perDayFenMax":null,"overdraftFenMax":null,"blockedPeriodIds":[]}', NULL);
INSERT INTO "account" ("person_id", "balance_fen", "through_seq") VALUES ('p-1', 5000, 0);
INSERT INTO "account" ("person_id", "balance_fen", "through_seq") VALUES ('p-2', 5000, 0);
INSERT INTO "account" ("person_id", "balance_fen", "through_seq") VALUES ('p-3', 5000, 0);
INSERT INTO "card" ("card_token", "person_id") VALUES ('card-p-1', 'p-1');
INSERT INTO "card" ("card_token", "person_id") VALUES ('card-p-2', 'p-2');
INSERT INTO "card" ("card_token", "person_id") VALUES ('card-p-3', 'p-3');
INSERT INTO "order_book" ("only", "revision") VALUES (1, 0);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-74da-b298-768536ca40fd', 1, 'p-1', '2026-09-01', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-754b-a374-60decbca3818', 2, 'p-2', '2026-09-02', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-768d-b28a-ac624e3443ee', 3, 'p-3', '2026-09-03', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-7633-b897-4ae4866daf58', 4, 'p-1', '2026-09-04', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-721a-941d-4ddfa65b5a99', 5, 'p-2', '2026-09-01', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-711d-8092-d6a44b8bec12', 6, 'p-3', '2026-09-02', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-7474-8c57-fe03dc1c649b', 7, 'p-1', '2026-09-03', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-71e8-a828-a73c27a39c04', 8, 'p-2', '2026-09-04', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-725a-b3d4-16eb06d28a90', 9, 'p-3', '2026-09-01', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-7018-b2bf-73c41066bc34', 10, 'p-1', '2026-09-02', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-74df-955b-a5a077996f34', 11, 'p-2', '2026-09-03', 'lunch', 1, 1000, NULL);
INSERT INTO "charge" ("charge_id", "seq", "person_id", "business_date", "period_id", "claim_no", "amount_fen", "voided_seq") VALUES ('01a05b1f-b600-7282-9fd1-177e53f9a17a', 12, 'p-3', '2026-09-04', 'lunch', 1, 1000, NULL);
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-1', '2026-09-01', 'lunch', 1, '01a05b1f-b600-74da-b298-768536ca40fd');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-1', '2026-09-02', 'lunch', 1, '01a05b1f-b600-7018-b2bf-73c41066bc34');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-1', '2026-09-03', 'lunch', 1, '01a05b1f-b600-7474-8c57-fe03dc1c649b');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-1', '2026-09-04', 'lunch', 1, '01a05b1f-b600-7633-b897-4ae4866daf58');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-2', '2026-09-01', 'lunch', 1, '01a05b1f-b600-721a-941d-4ddfa65b5a99');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-2', '2026-09-02', 'lunch', 1, '01a05b1f-b600-754b-a374-60decbca3818');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-2', '2026-09-03', 'lunch', 1, '01a05b1f-b600-74df-955b-a5a077996f34');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-2', '2026-09-04', 'lunch', 1, '01a05b1f-b600-71e8-a828-a73c27a39c04');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-3', '2026-09-01', 'lunch', 1, '01a05b1f-b600-725a-b3d4-16eb06d28a90');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-3', '2026-09-02', 'lunch', 1, '01a05b1f-b600-711d-8092-d6a44b8bec12');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-3', '2026-09-03', 'lunch', 1, '01a05b1f-b600-768d-b28a-ac624e3443ee');
INSERT INTO "meal_claim" ("person_id", "business_date", "period_id", "claim_no", "charge_id") VALUES ('p-3', '2026-09-04', 'lunch', 1, '01a05b1f-b600-7282-9fd1-177e53f9a17a');
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (1, 'p-1', 1788235200000, -1000, -1000, -1000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (2, 'p-2', 1788235200000, -1000, -1000, -2000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (3, 'p-3', 1788235200000, -1000, -1000, -3000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (4, 'p-1', 1788235200000, -1000, -2000, -4000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (5, 'p-2', 1788235200000, -1000, -2000, -5000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (6, 'p-3', 1788235200000, -1000, -2000, -6000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (7, 'p-1', 1788235200000, -1000, -3000, -7000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (8, 'p-2', 1788235200000, -1000, -3000, -8000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (9, 'p-3', 1788235200000, -1000, -3000, -9000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (10, 'p-1', 1788235200000, -1000, -4000, -10000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (11, 'p-2', 1788235200000, -1000, -4000, -11000);
INSERT INTO "account_effect" ("seq", "person_id", "at_ms", "amount_fen", "person_sum_fen", "device_sum_fen") VALUES (12, 'p-3', 1788235200000, -1000, -4000, -12000);
CREATE TRIGGER journal_never_updated BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never updated'); END;
CREATE TRIGGER journal_never_deleted BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never deleted from'); END;
CREATE TRIGGER journal_gapless BEFORE INSERT ON journal
        WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM journal)
        BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END;
CREATE TRIGGER journal_chained BEFORE INSERT ON journal
        WHEN new.prev_hash IS NOT coalesce(
          (SELECT hash FROM journal ORDER BY seq DESC LIMIT 1),
          '0000000000000000000000000000000000000000000000000000000000000000'
        )
        BEGIN SELECT RAISE(ABORT, 'the journal is one chain'); END;
CREATE INDEX pin_attempt_touched ON pin_attempt (touched_at_ms);
CREATE UNIQUE INDEX operator_person ON operator (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX card_of_person ON card (person_id);
CREATE INDEX template_of_person ON template (person_id, model_id);
CREATE INDEX template_share_of_person ON template_share (person_id);
CREATE INDEX photo_to_send ON photo (size DESC, stored_at_ms, sha256)
        WHERE claimed = 1 AND acked_at_ms IS NULL AND problem IS NULL;
CREATE INDEX photo_deletable ON photo (acked_at_ms) WHERE acked_at_ms IS NOT NULL;
CREATE INDEX photo_loose ON photo (stored_at_ms) WHERE claimed = 0;
CREATE UNIQUE INDEX purchase_order_newest ON purchase_order (order_id) WHERE is_newest = 1;
CREATE INDEX purchase_order_due ON purchase_order (due_date) WHERE is_newest = 1;
CREATE INDEX purchase_order_age ON purchase_order (saved_at_ms);
CREATE INDEX charge_of_day ON charge (person_id, business_date, voided_seq, amount_fen);
CREATE INDEX meal_claim_of_period ON meal_claim (business_date, period_id);
CREATE INDEX account_effect_of_person ON account_effect (person_id, seq, person_sum_fen);
CREATE INDEX identity_dispute_of_person ON identity_dispute (person_id, business_date);
CREATE INDEX identity_dispute_of_other ON identity_dispute (other_person_id);
COMMIT;
